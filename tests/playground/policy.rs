//! NetworkPolicy with real packets: the table of cases, and what has to hold while things change.

mod churn;
mod closed;
mod ends;
mod first;
mod flood;
mod matrix;
mod probe;
mod streams;
