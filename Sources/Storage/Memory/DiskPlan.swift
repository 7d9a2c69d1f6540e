/// How a simulated disk behaves: all of it drawn from one seed.
package struct DiskPlan: Sendable {
  package var seed: UInt64
  /// Nanoseconds that a command takes.
  package var delay: ClosedRange<UInt64>
  /// Nanoseconds that a commit takes.
  package var commitDelay: ClosedRange<UInt64>
  /// Nanoseconds after which changes are committed for which nobody waits.
  package var commitInterval: UInt64
  /// Out of a million moves of data, how many fail with EIO.
  package var errorsPerMillion: UInt32 = 0
  /// Out of a million commits, how many fail; after one the disk takes no change any more.
  package var commitErrorsPerMillion: UInt32 = 0

  package init(
    seed: UInt64, delay: ClosedRange<UInt64> = 20_000...2_000_000,
    commitDelay: ClosedRange<UInt64> = 500_000...20_000_000, commitInterval: UInt64 = 100_000_000
  ) {
    self.seed = seed
    self.delay = delay
    self.commitDelay = commitDelay
    self.commitInterval = commitInterval
  }
}
