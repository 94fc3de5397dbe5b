import ArgumentParser

/// `protean draw`: pictures of masks, sampling positions, filters and gates of dynamic layers.
struct DrawCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "draw",
        abstract: "Draw what dynamic layers do with an image.",
        discussion: """
            Examples:
              protean draw offsets protean_deformable --image shoe.png --output shoe-offsets.png
              protean draw offsets resnet50_dcn --weights w.pth --image cat.jpg --output cat.png
              protean draw mask smsr_x2 --weights SMSR_X2.pt --image a.png --list
              protean draw filters rednet26 --weights w.pth --image cat.jpg --output cat.png
              protean draw decisions protean_exits --data D --output decisions.svg
              protean draw glimpses ram_mnist --weights w.pth --image a.png --output a-seen.png
              protean draw attention imdn_x4 --weights w.pth --image cat.jpg --output cat.png
            """,
        subcommands: [
            DrawMaskCommand.self, DrawOffsetsCommand.self, DrawFiltersCommand.self,
            DrawAttentionCommand.self, DrawDecisionsCommand.self, DrawGlimpsesCommand.self,
        ])
}
