//! Compiles the server anew when the web client that it embeds was built anew.

fn main() {
    println!("cargo:rerun-if-changed=../../web/build");
}
