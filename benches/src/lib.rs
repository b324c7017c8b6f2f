//! How wsio's benchmarks measure, and what becomes of it: contenders take turns, medians and
//! ratios count, and every benchmark is a section of the same report.
//!
//! A machine that is busy with something else for a while is so for all of them, and what
//! remains is compared as a ratio, never as an absolute figure.

pub mod cases;
pub mod contenders;
mod options;
pub mod report;
mod rounds;

pub use self::{
    options::Options,
    rounds::{Measured, Sample, interleave},
};
