//! Completions come from the definitions of the command line.

use clap_complete::Shell;

use super::*;

#[test]
fn every_shell_knows_every_command() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
        let text = text(shell);
        for command in Arguments::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            assert!(text.contains(command.get_name()), "{shell} does not know {}", command.get_name());
        }
        assert!(text.contains("restore-point"), "{shell} does not know the options");
    }
}
