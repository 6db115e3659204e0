//! Rounds of load in turns: what else the machine does falls on all alike.

use std::time::Duration;

use rustix::process::{Signal, kill_process};

use crate::bench::figures::median;
use crate::bench::load::{self, Request, Until};
use crate::server::Server;

/// Something that answers.
#[derive(Debug)]
pub struct Target {
    /// How it is called.
    pub name: &'static str,
    /// Its process.
    pub server: Server,
}

/// What a target made of its rounds: medians over the rounds.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Answers a second.
    pub throughput: f64,
    /// Half of all answers took no longer.
    pub p50: Duration,
    /// 99 of 100 answers took no longer.
    pub p99: Duration,
}

/// How long, how often.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rounds of each target.
    pub rounds: usize,
    /// Each round.
    pub until: Until,
}

impl Target {
    /// Stops the process where it stands: no thread of it runs beside another target's round.
    pub fn pause(&self) {
        kill_process(self.server.pid(), Signal::STOP).unwrap();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        kill_process(self.server.pid(), Signal::CONT).unwrap();
    }
}

/// Runs the targets in turns, each with its own requests, all but one of them paused. The targets are paused when this is called, and when it returns.
pub fn in_turns(targets: &[(&Target, Request)], connections: u64, plan: Plan) -> Vec<Figures> {
    let mut rounds = vec![Vec::new(); targets.len()];
    for _ in 0..plan.rounds {
        for ((target, request), rounds) in targets.iter().zip(&mut rounds) {
            target.resume();
            rounds.push(load::run(target.server.address(), connections, plan.until, request));
            target.pause();
        }
    }
    rounds.iter().map(|rounds| of(rounds)).collect()
}

fn of(rounds: &[load::Round]) -> Figures {
    let middle = |share| median(&rounds.iter().map(|round| round.quantile(share)).collect::<Vec<_>>());
    let throughput = median(&rounds.iter().map(load::Round::throughput).collect::<Vec<_>>());
    Figures { throughput, p50: middle(0.5), p99: middle(0.99) }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        write!(f, "{:8.0} /s   p50 {:7.3} ms   p99 {:7.3} ms", self.throughput, ms(self.p50), ms(self.p99))
    }
}
