//! The README lists the routes as the server has them.

use wsio_server::ROUTES;

#[test]
fn readme_lists_every_route() {
    let readme = include_str!("../../README.md");
    let (_, table) = readme
        .split_once("| route | what it does |\n|---|---|\n")
        .unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let routes = ROUTES.iter().map(|route| {
        // A bar ends a cell, in code, too.
        let [address, help] =
            [&*[route.path, route.query].concat(), route.help].map(|text| text.replace('|', "\\|"));
        format!("| `{address}` | {help} |")
    });
    let routes: Vec<_> = routes.collect();
    assert_eq!(
        table.lines().collect::<Vec<_>>(),
        routes,
        "\n{}\n",
        routes.join("\n")
    );
}
