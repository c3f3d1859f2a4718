//! How do other libraries run on this runtime?

pub mod hyper;
