//! The names that Open vSwitch gives messages.

use crate::message::Message;
use crate::multipart::{MultipartReply, MultipartRequest};

/// The name that Open vSwitch gives a message.
pub(super) fn name(message: &Message) -> &'static str {
    match message {
        Message::Hello(_) => "OFPT_HELLO",
        Message::Error(_) => "OFPT_ERROR",
        Message::EchoRequest(_) => "OFPT_ECHO_REQUEST",
        Message::EchoReply(_) => "OFPT_ECHO_REPLY",
        Message::FeaturesRequest => "OFPT_FEATURES_REQUEST",
        Message::FeaturesReply(_) => "OFPT_FEATURES_REPLY",
        Message::GetConfigRequest => "OFPT_GET_CONFIG_REQUEST",
        Message::GetConfigReply(_) => "OFPT_GET_CONFIG_REPLY",
        Message::SetConfig(_) => "OFPT_SET_CONFIG",
        Message::PacketIn(_) => "OFPT_PACKET_IN",
        Message::FlowRemoved(_) => "OFPT_FLOW_REMOVED",
        Message::PortStatus(_) => "OFPT_PORT_STATUS",
        Message::PacketOut(_) => "OFPT_PACKET_OUT",
        Message::FlowMod(_) => "OFPT_FLOW_MOD",
        Message::GroupMod(_) => "OFPT_GROUP_MOD",
        Message::PortMod(_) => "OFPT_PORT_MOD",
        Message::TableMod(_) => "OFPT_TABLE_MOD",
        Message::MultipartRequest { request, .. } => request_name(request),
        Message::MultipartReply { reply, .. } => reply_name(reply),
        Message::BarrierRequest => "OFPT_BARRIER_REQUEST",
        Message::BarrierReply => "OFPT_BARRIER_REPLY",
        Message::RoleRequest(_) => "OFPT_ROLE_REQUEST",
        Message::RoleReply(_) => "OFPT_ROLE_REPLY",
        Message::GetAsyncRequest => "OFPT_GET_ASYNC_REQUEST",
        Message::GetAsyncReply(_) => "OFPT_GET_ASYNC_REPLY",
        Message::SetAsync(_) => "OFPT_SET_ASYNC",
        Message::MeterMod(_) => "OFPT_METER_MOD",
        Message::RoleStatus(_) => "OFPT_ROLE_STATUS",
        Message::TableStatus(_) => "OFPT_TABLE_STATUS",
        Message::RequestForward(_) => "OFPT_REQUESTFORWARD",
        Message::BundleControl(_) => "OFPT_BUNDLE_CONTROL",
        Message::BundleAdd(_) => "OFPT_BUNDLE_ADD_MESSAGE",
        Message::PacketIn2(_) => "NXT_PACKET_IN2",
        Message::Resume(_) => "NXT_RESUME",
        Message::SetPacketInFormat(_) => "NXT_SET_PACKET_IN_FORMAT",
        Message::SetControllerId(_) => "NXT_SET_CONTROLLER_ID",
        Message::TlvTableMod(_) => "NXT_TLV_TABLE_MOD",
        Message::TlvTableRequest => "NXT_TLV_TABLE_REQUEST",
        Message::TlvTableReply(_) => "NXT_TLV_TABLE_REPLY",
        Message::CtFlushZone(_) => "NXT_CT_FLUSH_ZONE",
        Message::CtFlush(_) => "NXT_CT_FLUSH",
        Message::Opaque { .. } => "unknown message",
    }
}

fn request_name(request: &MultipartRequest) -> &'static str {
    match request {
        MultipartRequest::Desc => "OFPST_DESC request",
        MultipartRequest::Flows(_) => "OFPST_FLOW request",
        MultipartRequest::Aggregate(_) => "OFPST_AGGREGATE request",
        MultipartRequest::TableStats => "OFPST_TABLE request",
        MultipartRequest::PortStats(_) => "OFPST_PORT request",
        MultipartRequest::QueueStats(..) => "OFPST_QUEUE request",
        MultipartRequest::GroupStats(_) => "OFPST_GROUP request",
        MultipartRequest::Groups(_) => "OFPST_GROUP_DESC request",
        MultipartRequest::GroupFeatures => "OFPST_GROUP_FEATURES request",
        MultipartRequest::MeterStats(_) => "OFPST_METER request",
        MultipartRequest::Meters(_) => "OFPST_METER_CONFIG request",
        MultipartRequest::MeterFeatures => "OFPST_METER_FEATURES request",
        MultipartRequest::TableFeatures(_) => "OFPST_TABLE_FEATURES request",
        MultipartRequest::Ports(_) => "OFPST_PORT_DESC request",
        MultipartRequest::TableDesc => "OFPST_TABLE_DESC request",
        MultipartRequest::Queues(..) => "OFPST_QUEUE_DESC request",
        MultipartRequest::FlowMonitor(_) => "OFPST_FLOW_MONITOR request",
        MultipartRequest::IpfixBridge => "NXST_IPFIX_BRIDGE request",
        MultipartRequest::IpfixFlow => "NXST_IPFIX_FLOW request",
        MultipartRequest::Opaque { .. } => "unknown multipart request",
    }
}

fn reply_name(reply: &MultipartReply) -> &'static str {
    match reply {
        MultipartReply::Desc(_) => "OFPST_DESC reply",
        MultipartReply::Flows(_) => "OFPST_FLOW reply",
        MultipartReply::Aggregate(_) => "OFPST_AGGREGATE reply",
        MultipartReply::TableStats(_) => "OFPST_TABLE reply",
        MultipartReply::PortStats(_) => "OFPST_PORT reply",
        MultipartReply::QueueStats(_) => "OFPST_QUEUE reply",
        MultipartReply::GroupStats(_) => "OFPST_GROUP reply",
        MultipartReply::Groups(_) => "OFPST_GROUP_DESC reply",
        MultipartReply::GroupFeatures(_) => "OFPST_GROUP_FEATURES reply",
        MultipartReply::MeterStats(_) => "OFPST_METER reply",
        MultipartReply::Meters(_) => "OFPST_METER_CONFIG reply",
        MultipartReply::MeterFeatures(_) => "OFPST_METER_FEATURES reply",
        MultipartReply::TableFeatures(_) => "OFPST_TABLE_FEATURES reply",
        MultipartReply::Ports(_) => "OFPST_PORT_DESC reply",
        MultipartReply::TableDesc(_) => "OFPST_TABLE_DESC reply",
        MultipartReply::Queues(_) => "OFPST_QUEUE_DESC reply",
        MultipartReply::FlowMonitor(_) => "OFPST_FLOW_MONITOR reply",
        MultipartReply::IpfixBridge(_) => "NXST_IPFIX_BRIDGE reply",
        MultipartReply::IpfixFlow(_) => "NXST_IPFIX_FLOW reply",
        MultipartReply::Opaque { .. } => "unknown multipart reply",
    }
}
