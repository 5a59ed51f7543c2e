//! x
pub mod checkpoint;
pub mod dpt;
pub mod graph;
pub mod model;
pub mod spec;
