//! Where do runnable tasks wait? In a processor's [`ring`], or in the `inject` queue that all share.

#[allow(unsafe_code, reason = "slots hand raw pointers from the owner to a thief")]
pub mod ring;

#[cfg(not(loom))]
#[allow(unsafe_code, reason = "an intrusive list through the task headers")]
pub(crate) mod inject;
