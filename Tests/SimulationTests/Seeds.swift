// How many seeds the properties are tried on, and which one is being tried.
import Foundation

enum Seeds {
  private static let wanted = ProcessInfo.processInfo.environment["VERBENA_SEEDS"].flatMap {
    UInt64($0)
  }
  /// Where a long run goes on after a failure.
  private static let first =
    ProcessInfo.processInfo.environment["VERBENA_SEED_FIRST"].flatMap { UInt64($0) } ?? 1

  /// `VERBENA_SEEDS` of them, from `VERBENA_SEED_FIRST` on; few when nobody asks.
  static func range(default count: UInt64) -> ClosedRange<UInt64> {
    first...first + (wanted ?? count) - 1
  }

  /// In long runs the last seed is said, in case it traps.
  static func announce(_ property: String) -> (UInt64) -> Void {
    { seed in
      guard wanted != nil, seed % 10 == 0 || wanted == 1 else { return }
      FileHandle.standardError.write(Data("\(property): seed \(seed)\n".utf8))
    }
  }
}
