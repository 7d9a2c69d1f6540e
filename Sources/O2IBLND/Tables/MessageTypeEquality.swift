internal import LustreWire

// An enum of another module with raw values is compared by a generic function of the standard library, through
// its witness table: about 80 instructions, several times a message. These are preferred over it.

@inline(__always)
func == (a: O2IBMessageType, b: O2IBMessageType) -> Bool { a.rawValue == b.rawValue }

@inline(__always)
func != (a: O2IBMessageType, b: O2IBMessageType) -> Bool { a.rawValue != b.rawValue }

@inline(__always)
func != (a: O2IBCreditClass, b: O2IBCreditClass) -> Bool { a.rawValue != b.rawValue }
