mod limits;
mod peers;
mod streams;
mod whatwg;
mod work;
