//! The table of what reaches whom, as it stands in the documentation.

use std::{fs, path::Path};

use llm_router_core::translate::capabilities;

#[test]
fn golden_capabilities() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("CAPABILITIES.md");
    let got = format!(
        "# What reaches whom\n\n\
         Written by the code: `UPDATE_GOLDEN=1 cargo test -p llm-router-core golden_capabilities`.\n\n\
         - as is: the provider speaks the client's dialect, and is sent the client's bytes\n\
         - yes: translated\n\
         - dropped: left out, and named in the header `x-llm-router-dropped`; with `unsupported = \"reject\"` a 400 that names it\n\
         - refused: a 400\n\n{}",
        capabilities()
    );
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &got).expect("a writable folder");
    }
    assert!(fs::read_to_string(&path).unwrap_or_default() == got, "{} is out of date", path.display());
}
