//! The client that the README shows is one that is tested in a browser.

#[test]
fn readme_shows_the_client_that_is_tested() {
    let readme = include_str!("../../README.md");
    let tested = include_str!("../browser/readme.rs");
    let (_, section) = readme.split_once("## A client in the browser").unwrap();
    let (_, code) = section.split_once("```rust\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    assert!(code.contains("WsMeta::connect"));
    assert!(tested.contains(code));
}
