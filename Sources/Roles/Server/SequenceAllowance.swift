internal import BasicContainers
internal import Connections
internal import Structures

/// How many sequences each client may still take: 256 at once and one more each second, of which a real client, that
/// needs one for each 131,071 files, never notices anything (spec 10 §11.1).
///
/// Without it one client could take all that a target has, with a transaction for each. It goes by the place of the
/// export, also when another client has it: who comes anew all the time gets no more.
struct SequenceAllowance: ~Copyable {
  static let burst: UInt64 = 256
  static let interval: UInt64 = 1_000_000_000

  /// By slot of an export: from when on there is nothing that was taken in advance.
  private var clearTimes: RigidArray<UInt64>

  init(exports: Int) {
    clearTimes = RigidArray(capacity: exports)
    for _ in 0..<exports { clearTimes.append(0) }
  }

  /// Whether the client may have one now; then it has it.
  mutating func take(by export: ExportHandle, at now: UInt64) -> Bool {
    let slot = export.raw.slot
    let clear = max(clearTimes[slot], now)
    guard clear - now <= (Self.burst - 1) * Self.interval else { return false }
    clearTimes[slot] = clear + Self.interval
    return true
  }
}
