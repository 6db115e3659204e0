//! State machines as tables: one table answers which commands are open in a state and where each leads.

/// A row of the table: a command, the states it is open in, and the state it leads to (none: the state stays, or the command
/// decides).
#[derive(Debug)]
pub struct Row<S: 'static> {
    /// The operation's name in WIT.
    pub command: &'static str,
    /// The states in which it is open.
    pub from: &'static [S],
    /// The state it leads to.
    pub to: Option<S>,
}

/// A state machine.
#[derive(Debug)]
pub struct Machine<S: 'static> {
    rows: &'static [Row<S>],
}

impl<S: Copy + PartialEq> Machine<S> {
    /// The machine of this table.
    #[must_use]
    pub const fn new(rows: &'static [Row<S>]) -> Self {
        Self { rows }
    }

    /// The state after `command` in `state`.
    ///
    /// # Errors
    /// The state itself, where the command is not open in it.
    pub fn after(&self, state: S, command: &str) -> Result<S, S> {
        let row = self.rows.iter().find(|row| row.command == command && row.from.contains(&state));
        row.map(|row| row.to.unwrap_or(state)).ok_or(state)
    }

    /// The commands that are open in `state`, in the table's order.
    pub fn open(&self, state: S) -> impl Iterator<Item = &'static str> + use<'_, S> {
        self.rows.iter().filter(move |row| row.from.contains(&state)).map(|row| row.command)
    }

    /// The commands that are open in `state`, as `get-` operations return them.
    #[must_use]
    pub fn open_list(&self, state: S) -> Vec<String> {
        self.open(state).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Light {
        Red,
        Green,
    }

    const MACHINE: Machine<Light> = Machine::new(&[
        Row { command: "go", from: &[Light::Red], to: Some(Light::Green) },
        Row { command: "look", from: &[Light::Red, Light::Green], to: None },
    ]);

    #[test]
    fn the_same_table_guards_and_offers() {
        assert_eq!(MACHINE.after(Light::Red, "go"), Ok(Light::Green));
        assert_eq!(MACHINE.after(Light::Green, "go"), Err(Light::Green));
        assert_eq!(MACHINE.after(Light::Green, "look"), Ok(Light::Green));
        assert_eq!(MACHINE.after(Light::Red, "fly"), Err(Light::Red));
        assert_eq!(MACHINE.open_list(Light::Red), ["go", "look"]);
        assert_eq!(MACHINE.open_list(Light::Green), ["look"]);
    }
}
