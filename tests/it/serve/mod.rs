//! The process around the adapters: settings, policy, health, reload and the way it ends.
mod binary;
mod policy;
mod process;
mod reference;
mod whole;

use std::sync::{Arc, LazyLock};

use k8sfaq::faq::answer::Faq;
use k8sfaq::faq::catalog::Catalog;

/// The shipped entries, indexed once: that takes longer than all that is asked here.
static FAQ: LazyLock<Arc<Faq>> = LazyLock::new(|| Arc::new(Faq::new(Catalog::shipped()).unwrap()));
