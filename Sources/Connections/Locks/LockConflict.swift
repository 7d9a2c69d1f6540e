package import LustreWire

/// Which locks exclude each other (spec 10 §11.2: modes; extents).
package enum LockConflict {
  /// Modes that may be held beside a mode, as a bit set of the wire's bits.
  static func compatible(with mode: LockMode) -> UInt32 {
    let null: UInt32 = 32
    let concurrentRead: UInt32 = 16
    let concurrentWrite: UInt32 = 8
    let protectedRead: UInt32 = 4
    let protectedWrite: UInt32 = 2
    switch mode {
    case .exclusive: return null
    case .protectedWrite: return null | concurrentRead
    case .protectedRead: return null | concurrentRead | protectedRead
    case .concurrentWrite: return null | concurrentRead | concurrentWrite
    case .concurrentRead:
      return null | concurrentRead | concurrentWrite | protectedRead | protectedWrite
    case .group: return null | 64
    default: return 0x7F
    }
  }

  package static func areCompatible(_ one: LockMode, _ other: LockMode) -> Bool {
    compatible(with: one) & other.rawValue != 0
  }

  /// Whether two locks of one resource exclude each other.
  package static func conflicts(_ one: LockDescriptor, with other: LockDescriptor) -> Bool {
    let modes = (mode(of: one), mode(of: other))
    if modes == (.group, .group) { return one.policy.third != other.policy.third }
    if areCompatible(modes.0, modes.1) { return false }
    let extents = (extent(of: one), extent(of: other))
    return extents.0.first <= extents.1.last && extents.1.first <= extents.0.last
  }

  /// What a lock holds, or else what it waits for.
  static func mode(of lock: LockDescriptor) -> LockMode {
    lock.grantedMode == .none ? lock.requestedMode : lock.grantedMode
  }

  /// What it covers: all, unless it is of a type that has parts.
  static func extent(of lock: LockDescriptor) -> (first: UInt64, last: UInt64) {
    lock.type == .extent ? lock.policy.extent : (0, .max)
  }
}
