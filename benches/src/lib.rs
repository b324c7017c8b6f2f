//! How wsio's benchmarks measure: contenders take turns, and the median of each counts.
//!
//! A machine that is busy with something else for a while is so for all of them, and what
//! remains is compared as a ratio, never as an absolute figure.

mod rounds;
mod table;

pub use self::{
    rounds::{Measured, interleave},
    table::Table,
};
