internal import LustreWire

/// What an import expects each request portal's service to take: simply what the server said last, in
/// seconds (spec 12 §2.1, the variant without history; §2.2: at most 8 portals).
struct PortalEstimates: BitwiseCopyable, Sendable {
  /// Before the server has said anything.
  static let initial: UInt32 = 5
  static let capacity = 8

  private var portals = InlineArray<8, UInt8>(repeating: 0)
  private var estimates = InlineArray<8, UInt16>(repeating: 0)

  func estimate(_ portal: Portal) -> UInt32 {
    let number = UInt8(truncatingIfNeeded: portal.rawValue)
    for index in 0..<Self.capacity where portals[index] == number {
      return UInt32(estimates[index])
    }
    return Self.initial
  }

  /// A final reply said so many seconds; 0 counts for nothing. A ninth portal keeps the initial value.
  mutating func note(_ seconds: UInt32, _ portal: Portal, _ settings: AdaptiveSettings) {
    guard seconds > 0 else { return }
    let number = UInt8(truncatingIfNeeded: portal.rawValue)
    for index in 0..<Self.capacity where portals[index] == number || portals[index] == 0 {
      portals[index] = number
      estimates[index] = UInt16(clamping: settings.clamped(seconds))
      return
    }
  }
}
