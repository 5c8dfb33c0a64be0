//! The fields that an action names with a header, wherever in it they are.

use super::{Action, LearnDst, LearnSrc, Observation, Zone};
use crate::field::{Field, Subfield};

impl Action {
    /// Calls `seen` for each field that a header in this action (not in a set-field entry) names, nested actions included.
    pub(crate) fn for_each_subfield(&self, seen: &mut impl FnMut(Field)) {
        let mut sub = |s: &Subfield| seen(s.field);
        match self {
            Action::OutputReg { source, .. } => sub(source),
            Action::Copy { src, dst } => [src, dst].into_iter().for_each(sub),
            Action::CheckPktLarger { dst, .. } => sub(dst),
            Action::StackPush(s) | Action::StackPop(s) => sub(s),
            Action::Multipath(m) => sub(&m.dst),
            Action::Bundle(b) => b.dst.iter().for_each(sub),
            Action::DeleteField(field) => seen(*field),
            Action::Sample(s) => {
                for observation in [&s.domain, &s.point] {
                    if let Observation::Field(s) = observation {
                        sub(s);
                    }
                }
            }
            Action::Learn(learn) => {
                learn.result_dst.iter().for_each(&mut sub);
                for spec in &learn.specs {
                    if let LearnSrc::Field(s) = &spec.src {
                        sub(s);
                    }
                    if let LearnDst::Match(s) | LearnDst::Load(s) = &spec.dst {
                        sub(s);
                    }
                }
            }
            Action::Ct(ct) => {
                if let Zone::Field(s) = &ct.zone {
                    sub(s);
                }
                ct.exec.iter().for_each(|action| action.for_each_subfield(seen));
            }
            Action::Clone(actions) => actions.iter().for_each(|action| action.for_each_subfield(seen)),
            _ => {}
        }
    }
}
