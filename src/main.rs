//! The binary around [`opsroom::program`].

fn main() -> std::process::ExitCode {
    opsroom::program::run()
}
