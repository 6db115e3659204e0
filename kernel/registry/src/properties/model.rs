//! The naive model: every question is answered by looking at all scopes anew.

use std::collections::BTreeMap;

use forecourt_schema::Type;

use crate::testing::{Plugin, plugin};

pub(super) const AREAS: [&str; 4] = ["contracts", "crm", "parts", "repair"];
/// The scopes: first the group as a whole.
pub(super) const STORES: [&str; 3] = ["", "bj01", "sh01"];

/// An area's one interface: whether it is of the later version track, and for its query and its command whether the parameter is of
/// the rarer type; none where the function is missing.
pub(super) type Face = (bool, Option<bool>, Option<bool>);

/// What a plugin version exports for each area, and imports from each with whether it must.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) exports: [Option<Face>; 4],
    pub(super) imports: [Option<(bool, Face)>; 4],
}

impl Spec {
    pub(super) fn plugin(&self, reference: &str) -> Plugin {
        let mut plugin = plugin(reference);
        for (area, face) in AREAS.iter().zip(&self.exports) {
            if let Some(face) = face {
                plugin = plugin.exports(&id(area, *face), &operations(*face));
            }
        }
        for (area, import) in AREAS.iter().zip(&self.imports) {
            plugin = match import {
                Some((true, face)) => plugin.requires(&id(area, *face), &operations(*face)),
                Some((false, face)) => plugin.may_use(&id(area, *face), &operations(*face)),
                None => plugin,
            };
        }
        plugin
    }
}

fn id(area: &str, (later, ..): Face) -> String {
    format!("forecourt:{area}/desk@0.{}.0", if later { 2 } else { 1 })
}

fn operations((_, query, command): Face) -> Vec<(&'static str, Type)> {
    let ty = |rare| if rare { Type::String } else { Type::U32 };
    [("get-it", query), ("do-it", command)].into_iter().filter_map(|(name, rare)| Some((name, ty(rare?)))).collect()
}

fn converts(importer: Face, provider: Face) -> bool {
    let fits = |wanted: Option<bool>, offered| wanted.is_none() || wanted == offered;
    fits(importer.1, provider.1) && fits(importer.2, provider.2)
}

/// How a request ends; done tells whether anything changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done(bool),
    NameTaken,
    VersionTaken,
    Unknown,
    NotGranted,
    NotServed,
    Unresolved,
    Cycle,
    Required,
    NotEnabled,
    GroupWide,
}

#[derive(Debug, Clone)]
pub(super) struct Model {
    specs: Vec<Spec>,
    /// By plugin name, whether the rarer publisher owns it.
    owners: BTreeMap<usize, bool>,
    /// By version, whether it was published with other bytes.
    published: BTreeMap<usize, bool>,
    granted: Vec<usize>,
    /// By scope and area.
    modules: BTreeMap<(usize, usize), usize>,
}

impl Model {
    pub(super) fn new(specs: &[Spec]) -> Self {
        let (owners, published, modules) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { specs: specs.to_vec(), owners, published, granted: Vec::new(), modules }
    }

    pub(super) fn publish(&mut self, version: usize, rare_publisher: bool, other_bytes: bool) -> Outcome {
        if *self.owners.entry(version / 2).or_insert(rare_publisher) != rare_publisher {
            return Outcome::NameTaken;
        }
        match self.published.get(&version) {
            Some(before) if *before == other_bytes => Outcome::Done(false),
            Some(_) => Outcome::VersionTaken,
            None => {
                self.published.insert(version, other_bytes);
                Outcome::Done(true)
            }
        }
    }

    pub(super) fn other_bytes(&self, version: usize) -> bool {
        self.published[&version]
    }

    pub(super) fn grant(&mut self, version: usize) -> Outcome {
        if !self.published.contains_key(&version) {
            return Outcome::Unknown;
        }
        let changed = !self.granted.contains(&version);
        self.granted.push(version);
        Outcome::Done(changed)
    }

    pub(super) fn enable(&mut self, store: usize, area: usize, version: usize) -> Outcome {
        if !self.published.contains_key(&version) {
            return Outcome::Unknown;
        }
        if self.specs[version].exports[area].is_none() {
            return Outcome::NotServed;
        }
        if !self.granted.contains(&version) {
            return Outcome::NotGranted;
        }
        let mut after = self.clone();
        let changed = after.modules.insert((store, area), version) != Some(version);
        if changed && let Err(refused) = after.fits() {
            return refused;
        }
        *self = after;
        Outcome::Done(changed)
    }

    pub(super) fn disable(&mut self, store: usize, area: usize, force: bool) -> (Outcome, Vec<(usize, usize)>) {
        let mut after = self.clone();
        if after.modules.remove(&(store, area)).is_none() {
            let of_group = store != 0 && self.modules.contains_key(&(0, area));
            return (if of_group { Outcome::GroupWide } else { Outcome::NotEnabled }, Vec::new());
        }
        let mut stops = Vec::new();
        loop {
            let failing = after.failing();
            let in_place: Vec<_> = failing.iter().copied().filter(|place| after.modules.contains_key(place)).collect();
            if failing.is_empty() {
                break;
            }
            if in_place.is_empty() {
                return (Outcome::Unresolved, Vec::new());
            }
            for place in in_place {
                after.modules.remove(&place);
                stops.push(place);
            }
        }
        stops.sort_unstable();
        if !stops.is_empty() && !force {
            return (Outcome::Required, stops);
        }
        if let Err(refused) = after.fits() {
            return (refused, stops);
        }
        *self = after;
        (Outcome::Done(true), stops)
    }

    pub(super) fn serving(&self, store: usize) -> BTreeMap<usize, usize> {
        let of = |scope| self.modules.iter().filter(move |((at, _), _)| *at == scope).map(|((_, area), v)| (*area, *v));
        of(0).chain(of(store)).collect()
    }

    /// The modules with an import that is not served as it must be, by scope and area.
    fn failing(&self) -> Vec<(usize, usize)> {
        let mut failing = Vec::new();
        for store in 0..STORES.len() {
            let serving = self.serving(store);
            for (area, version) in &serving {
                let fails = |(from, import): (usize, &Option<(bool, Face)>)| {
                    let Some((required, wanted)) = *import else { return false };
                    match serving.get(&from).and_then(|provider| self.specs[*provider].exports[from]) {
                        Some(offered) if offered.0 == wanted.0 => !converts(wanted, offered),
                        _ => required,
                    }
                };
                if self.specs[*version].imports.iter().enumerate().any(fails) {
                    failing.push((store, *area));
                }
            }
        }
        failing
    }

    /// Whether all imports are served and the areas have an order, in all scopes.
    pub(super) fn fits(&self) -> Result<(), Outcome> {
        if !self.failing().is_empty() {
            return Err(Outcome::Unresolved);
        }
        for store in 0..STORES.len() {
            let serving = self.serving(store);
            let mut reaches = [[false; 4]; 4];
            for (area, version) in &serving {
                for (from, import) in self.specs[*version].imports.iter().enumerate() {
                    let ordered = import.is_some_and(|(required, (_, _, command))| required || command.is_some());
                    reaches[*area][from] = ordered && serving.contains_key(&from);
                }
            }
            for by in 0..4 {
                for (from, to) in (0..4).flat_map(|from| (0..4).map(move |to| (from, to))) {
                    reaches[from][to] |= reaches[from][by] && reaches[by][to];
                }
            }
            if (0..4).any(|area| reaches[area][area]) {
                return Err(Outcome::Cycle);
            }
        }
        Ok(())
    }

    /// Where a module that serves on has an optional import served here and not in `after`.
    pub(super) fn losers(&self, after: &Model) -> Vec<(usize, usize)> {
        let mut losers = Vec::new();
        for store in 0..STORES.len() {
            let (then, now) = (self.serving(store), after.serving(store));
            let served = |serving: &BTreeMap<usize, usize>, from: usize, wanted: Face| {
                let offered = serving.get(&from).and_then(|provider| self.specs[*provider].exports[from]);
                offered.is_some_and(|offered| offered.0 == wanted.0)
            };
            for (area, version) in then.iter().filter(|(area, version)| now.get(area) == Some(version)) {
                let loses = |(from, import): (usize, &Option<(bool, Face)>)| {
                    import.is_some_and(|(required, wanted)| {
                        !required && served(&then, from, wanted) && !served(&now, from, wanted)
                    })
                };
                if self.specs[*version].imports.iter().enumerate().any(loses) {
                    losers.push((store, *area));
                }
            }
        }
        losers
    }
}
