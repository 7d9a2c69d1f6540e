package import LustreWire

/// One measurement between two nodes.
package struct BenchPhase: Sendable {
  package enum Operation: Sendable, Equatable {
    /// PUTs forth and back; one at a time, unless a rate says when they begin.
    case pingPong
    /// PUTs one way, several at a time, none of them answered but the last.
    case stream
    /// PUTs of bulk data, several at a time.
    case put
    /// GETs, several at a time.
    case get
    /// Messages without data, each confirmed by an ACK before the next one goes.
    case acknowledged
    /// OBD_PINGs over an import that is FULL.
    case rpc
    /// CONNECTs of imports over an LND connection that stands, up to FULL.
    case session
  }

  package var operation: Operation
  package var target: NID
  package var byteCount: Int
  /// Operations that count.
  package var count: Int
  /// Operations before those that count.
  package var warmupCount: Int
  /// Operations under way at a time.
  package var inFlight: Int
  /// Whether both ends compute a checksum of the data.
  package var isChecked: Bool
  /// Ends the measurement before its count is reached, in nanoseconds; 0 for no limit.
  package var durationNanoseconds: UInt64
  /// Operations begun a second, whatever becomes of those before (open loop); 0 begins the next one when one ends.
  package var ratePerSecond: Int

  package init(
    _ operation: Operation, target: NID, byteCount: Int, count: Int, warmupCount: Int = 0,
    inFlight: Int = 1, isChecked: Bool = false, durationNanoseconds: UInt64 = 0,
    ratePerSecond: Int = 0
  ) {
    self.operation = operation
    self.target = target
    self.byteCount = byteCount
    self.count = count
    self.warmupCount = warmupCount
    self.inFlight = inFlight
    self.isChecked = isChecked
    self.durationNanoseconds = durationNanoseconds
    self.ratePerSecond = ratePerSecond
  }
}

/// What came of a measurement.
package struct BenchOutcome: Sendable {
  /// How far it came.
  package enum Stage: Int, Sendable {
    /// The first question, whose answer says that the service is there.
    case opening
    case running
    /// The last question, whose answer says that all has arrived.
    case closing
    /// The import that it goes over is not connected yet.
    case connecting
  }

  /// Operations that counted.
  package var count = 0
  /// From the beginning of the first that counted to the end of the last, of a stream to its confirmation, in
  /// nanoseconds.
  package var elapsedNanoseconds: UInt64 = 0
  /// Of each operation, from the call to its end; of ping-pong one at a time, half of it.
  package var latency = LatencyRecorder()
  /// Where a rate was asked for: from when the operation should have begun.
  package var correctedLatency = LatencyRecorder()
  /// Data that arrived with another checksum than it left with, at either end.
  package var mismatchCount: UInt64 = 0
  /// The errno, negative, that ended it; 0 for none.
  package var status: Int32 = 0
  /// Where it was when it ended.
  package var stage = Stage.closing

  package init() {}
}
