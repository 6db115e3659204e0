//! The kernel's own WIT interfaces as Rust traits.

wasmtime::component::bindgen!({
    path: ["../../wit/common", "../../wit/kernel"],
    inline: "
        package forecourt:host;
        world kernel {
            import forecourt:kernel/storage@0.1.0;
            import forecourt:kernel/events@0.1.0;
            import forecourt:kernel/identity@0.1.0;
            import forecourt:kernel/clock@0.1.0;
            import forecourt:kernel/ids@0.1.0;
            import forecourt:kernel/modules@0.1.0;
            import forecourt:kernel/log@0.1.0;
            import forecourt:kernel/files@0.1.0;
            import forecourt:kernel/http@0.1.0;
            import forecourt:kernel/timers@0.1.0;
            import forecourt:kernel/jobs@0.1.0;
        }
    ",
    world: "forecourt:host/kernel",
    imports: { default: async | trappable },
    require_store_data_send: true,
});
