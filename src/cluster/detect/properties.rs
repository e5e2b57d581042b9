//! Whatever the objects hold, detection neither panics nor depends on their order.
