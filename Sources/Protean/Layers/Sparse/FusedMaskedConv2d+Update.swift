/// Writing active outputs into existing maps.
extension FusedMaskedConv2d {
    /// Writes the active outputs into `y` and leaves other pixels as they are, except that pixels
    /// active only in `previous` become 0. The residual is another map like `y`, or, with
    /// `addsToResult`, `y`'s own pixels.
    ///
    /// - Throws: ``ProteanError`` when a tensor or a mask does not fit.
    public func update(
        _ y: inout Tensor, with x: Tensor, from input: MaskedInput = .map, mask: MaskPlan,
        previous: MaskPlan? = nil, residual: Tensor? = nil, addsToResult: Bool = false
    ) throws(ProteanError) {
        let layer = conv.place
        let (call, way) = try maskedPlans.prepare(x, input, mask, inPlace: true, layer: layer)
        guard y.shape == call.output else {
            throw .shapeMismatch(
                layer: layer, tensor: "y", expected: "\(call.output)", found: y.shape)
        }
        if way == .dense {
            try replace(&y, with: x, mask, previous, residual: addsToResult ? y : residual)
            return
        }
        func run(_ y: inout Tensor) throws(ProteanError) {
            try Operations.updateMaskedConv2d(
                &y, with: x, from: input,
                try maskedPlans.packed(for: call, way: way, layer: layer), outputs: mask,
                previous: previous, addsToResult: addsToResult, epilogue: epilogue(residual),
                prepared: call, layer: layer)
        }
        guard Trace.current != nil else { return try run(&y) }
        // Only one reference is kept while the map is written, so that copy-on-write does not copy
        // it.
        var map = y
        y = try Tensor(shapeOnly: y.shape)
        defer { y = map }
        _ = try traced(
            "MaskedConv2d", path: conv.label, input: x, mask: mask,
            cost: { _ in cost(x, mask, way) }
        ) { () throws(ProteanError) in
            try run(&map)
            return try Tensor(shapeOnly: map.shape)
        }
    }

    /// Writes the active outputs of several maps' channels, one map after the other, into `y` and
    /// leaves other pixels as they are. Inputs that the kernels cannot read in place are gathered
    /// into rows first.
    ///
    /// - Throws: ``ProteanError`` when a tensor or a mask does not fit.
    func update(
        _ y: inout Tensor, concatenating maps: [Tensor], mask: MaskPlan
    ) throws(ProteanError) {
        guard geometry.reads(maps), algorithm == .automatic || algorithm == .direct else {
            let rows = try Operations.gather(maps, at: mask)
            return try update(&y, with: rows, from: .rows(mask), mask: mask)
        }
        let joined = try Operations.concatenatedShape(maps, 3)
        let call = try maskedPlans.prepared(for: joined, layer: conv.place)
        try Operations.updateMaskedConv2d(
            &y, concatenating: maps,
            try maskedPlans.packed(for: call, way: .pixels, layer: conv.place), outputs: mask,
            epilogue: epilogue(nil), prepared: call, layer: conv.place)
    }

    /// Writes the active outputs into `y`'s channels from `first` on and leaves everything else as
    /// it is; returns the cost.
    ///
    /// - Throws: ``ProteanError`` when a tensor or a mask does not fit.
    func update(
        channelsFrom first: Int, of y: inout Tensor, with x: Tensor, mask: MaskPlan
    ) throws(ProteanError) -> Cost {
        let layer = conv.place
        let (call, fastest) = try maskedPlans.prepare(x, .map, mask, inPlace: true, layer: layer)
        // The dense algorithm would allocate a second map.
        let way = fastest == .dense ? .pixels : fastest
        try Operations.updateMaskedConv2d(
            channelsFrom: first, of: &y, with: x,
            try maskedPlans.packed(for: call, way: way, layer: layer), outputs: mask,
            epilogue: epilogue(nil), prepared: call, layer: layer)
        return cost(x, mask, way)
    }

    /// Computes a new map; where `mask` is off it has the pixels of `y`, or 0 where only `previous`
    /// is on.
    private func replace(
        _ y: inout Tensor, with x: Tensor, _ mask: MaskPlan, _ previous: MaskPlan?,
        residual: Tensor?
    ) throws(ProteanError) {
        var old = y
        if let off = try previous?.subtracting(mask), off.count > 0 {
            old = try Operations.replacingInactive(old, of: try off.inverted())
        }
        let base = old
        y = try runDense(x, mask, residual) { (new: consuming Tensor) throws(ProteanError) in
            try Operations.replacingInactive(new, of: mask, by: base)
        }
    }
}
