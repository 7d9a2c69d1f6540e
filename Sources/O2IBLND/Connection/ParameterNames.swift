internal import LustreWire

// The wire and the connection manager both have ConnectionParameters; each gets a name of its own,
// in a file that sees only one of them.

/// `struct kib_connparams`.
typealias WireParameters = ConnectionParameters
