/// Pure functions of tensors, one per kernel: they check shapes, make the result and call the
/// kernel. Layers are built from them.
///
/// Every operation accepts tensors that carry a shape only and then returns the result's shape.
public enum Operations {}
