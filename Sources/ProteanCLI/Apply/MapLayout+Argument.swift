import ArgumentParser
import ProteanCatalogue

/// `nchw` or `nhwc` on the command line.
extension MapLayout: ExpressibleByArgument {}
