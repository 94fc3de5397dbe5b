import Protean

extension LayerEntry {
    static let multiheadAttention = LayerEntry(
        "MultiheadAttention", family: .attention,
        reference: "torch.nn.MultiheadAttention",
        summary: .dynamic("the share of every key in every query's result"),
        papers: ["1706.03762"],
        keys: [
            .required(
                "embed_dim", "channels E of queries and results", aliases: "embeddingChannels"),
            .required("num_heads", "heads; a divisor of embed_dim", aliases: "heads"),
            .optional("dropout", 0, "a share; for training only"),
            .optional("bias", true, "whether the projections have biases"),
            .optional("add_bias_kv", false, "whether bias_k and bias_v follow keys and values"),
            .optional("add_zero_attn", false, "whether a key and a value of zeros follow them"),
            .optional("kdim", .null, "channels of keys; null: embed_dim", aliases: "keyChannels"),
            .optional(
                "vdim", .null, "channels of values; null: embed_dim", aliases: "valueChannels"),
            .optional("batch_first", false, "whether sequences are [B, L, E]; else [L, B, E]"),
            .optional("need_weights", true, "whether there is an output attn_weights"),
            .optional("average_attn_weights", true, "whether weights are means over the heads"),
            .optional("is_causal", false, "whether query i sees keys 0 ... i only"),
            .optional(
                "attn_mask_type", "float",
                "\"float\": added to the scores; \"bool\": other than 0 leaves a key out"),
            .optional("key_padding_mask_type", "bool", "the same"),
        ],
        inputs: [
            .init("query", "[B, L, E] or [L, B, E]"),
            .init("key", "[B, S, kdim] or [S, B, kdim]; without it: query", optional: true),
            .init("value", "[B, S, vdim] or [S, B, vdim]; without it: key", optional: true),
            .init("attn_mask", "[L, S] or [B * num_heads, L, S]", optional: true),
            .init("key_padding_mask", "[B, S]", optional: true),
        ],
        weights: [
            .init("in_proj_weight", "[3 E, E], without kdim and vdim", optional: true),
            .init("q_proj_weight, k_proj_weight", "[E, E], [E, kdim]", optional: true),
            .init("v_proj_weight", "[E, vdim]", optional: true),
            .init("in_proj_bias", "[3 E]", optional: true),
            .init("bias_k, bias_v", "[1, 1, E]", optional: true),
            .init("out_proj.weight, out_proj.bias", "[E, E], [E]"),
        ],
        outputs: [
            .init("y", "as query"),
            .init("attn_weights", "[B, L, S] or [B, num_heads, L, S]; any layout", optional: true),
        ],
        golden: [
            "multihead_attention", "multihead_attention_causal", "multihead_attention_cross",
            "multihead_attention_mask_per_head", "multihead_attention_sequence_first",
        ],
        benchmark: .generic("multihead_attention", "w=197 c=512 groups=8") { sizes in
            LayerSample(
                [
                    "embed_dim": sizes["c"], "num_heads": sizes["groups"], "batch_first": true,
                    "need_weights": false,
                ],
                inputs: [
                    "query": .plain([try sizes.batch, try sizes.int("w"), try sizes.int("c")])
                ])
        },
        build: buildMultiheadAttention)

    private static func buildMultiheadAttention(
        _ configuration: LayerConfiguration
    ) throws -> BuiltLayer {
        let dropout = try configuration.number("dropout")
        guard (0...1).contains(dropout) else { throw configuration.refusal("dropout", "0...1") }
        let layer = try MultiheadAttention(
            embeddingChannels: configuration.int("embed_dim"),
            heads: configuration.int("num_heads"), bias: configuration.bool("bias"),
            addBiasKeyValue: configuration.bool("add_bias_kv"),
            addZeroAttention: configuration.bool("add_zero_attn"),
            keyChannels: configuration.optionalInt("kdim"),
            valueChannels: configuration.optionalInt("vdim"))
        let isBatchFirst = try configuration.bool("batch_first")
        let (needsWeights, averages) = try (
            configuration.bool("need_weights"), configuration.bool("average_attn_weights")
        )
        let isCausal = try configuration.bool("is_causal")
        let kinds = try (
            configuration.choice("attn_mask_type", ["float", "bool"]),
            configuration.choice("key_padding_mask_type", ["float", "bool"])
        )
        return BuiltLayer(layer) { inputs in
            func sequence(_ name: String) throws -> Tensor? {
                guard inputs.tensors[name] != nil else { return nil }
                return try batchFirst(inputs.plain(name), isBatchFirst, name)
            }
            func mask(_ name: String, _ kind: String) throws -> AttentionMask? {
                guard inputs.tensors[name] != nil else { return nil }
                let values = try inputs.plain(name)
                return kind == "bool" ? .dropping(values) : .additive(values)
            }
            let query = try batchFirst(inputs.plain("query"), isBatchFirst, "query")
            let key = try sequence("key") ?? query
            let value = try sequence("value") ?? key
            let attention = try mask("attn_mask", kinds.0)
            let masks = try (
                attention.map { try perHead($0, heads: layer.heads) },
                mask("key_padding_mask", kinds.1)
            )
            guard needsWeights else {
                let y = try layer(
                    query: query, key: key, value: value, mask: masks.0, keyMask: masks.1,
                    isCausal: isCausal)
                return [.plain("y", try batchFirst(y, isBatchFirst, "y"))]
            }
            let both = try layer.attend(
                query: query, key: key, value: value, mask: masks.0, keyMask: masks.1,
                isCausal: isCausal, averaged: averages)
            return [
                .plain("y", try batchFirst(both.output, isBatchFirst, "y")),
                .plain("attn_weights", both.weights),
            ]
        }
    }

    /// `[L, B, E]` as `[B, L, E]` and back.
    private static func batchFirst(
        _ x: Tensor, _ isBatchFirst: Bool, _ name: String
    ) throws -> Tensor {
        guard !isBatchFirst else { return x }
        guard x.rank == 3 else {
            throw ProteanError.shapeMismatch(
                layer: "MultiheadAttention", tensor: name, expected: "three axes", found: x.shape)
        }
        return try Operations.permute(x, [1, 0, 2])
    }

    /// In PyTorch batch and heads of a mask are one axis; here they are two axes.
    private static func perHead(_ mask: AttentionMask, heads: Int) throws -> AttentionMask {
        let values = mask.tensor
        guard values.rank == 3, values.shape[0] % heads == 0 else { return mask }
        let split = try values.reshaped(
            to: [values.shape[0] / heads, heads] + values.shape.dropFirst())
        switch mask {
        case .additive: return .additive(split)
        case .keeping: return .keeping(split)
        case .dropping: return .dropping(split)
        }
    }
}
