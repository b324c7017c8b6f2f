mod byte_count;
mod limits;
mod peers;
mod splits;
mod streams;
mod whatwg;
