//! Each condition on the real API server: a scene that shows it, and beside it near misses that are well.
//!
//! A scene is written as the kubelet, the scheduler and the controllers write it, and looked at through the public face: the
//! overview, the lookup by conditions and the lookup by object must agree. A report holds all that is said of a scene, so whatever
//! is in the scene and not in the report is well.

mod scene;
mod written;

mod chains;
mod containers;
mod images;
mod ingresses;
mod late;
mod logs;
mod namespaces;
mod nodes;
mod pods;
mod probes;
mod scheduling;
mod services;
mod storage;
mod workloads;
