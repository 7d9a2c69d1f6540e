package import LustreWire

/// Which locks exclude each other (spec 10 §11.2: modes; extents).
package enum LockConflict {
  /// Modes that may be held beside a mode, as a bit set of the wire's bits.
  private static func compatible(with mode: LockMode) -> UInt32 {
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
  package static func conflicts(
    _ type: LockType, _ mode: LockMode, _ policy: LockPolicy, with otherMode: LockMode,
    _ otherPolicy: LockPolicy
  ) -> Bool {
    if mode == .group && otherMode == .group { return policy.third != otherPolicy.third }
    if areCompatible(mode, otherMode) { return false }
    guard type == .extent else { return true }
    return policy.extent.first <= otherPolicy.extent.last
      && otherPolicy.extent.first <= policy.extent.last
  }
}
