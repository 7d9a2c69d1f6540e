package import BasicContainers
package import Structures

/// What one turn of a loop gives to the rooms, and what they leave in it for the loop to carry out.
///
/// A room reads the time, takes memory and appends requests; it never learns who drives it. The loop hands
/// the batches over at the end of the turn, receives before sends: a credit must not reach a peer
/// before the buffer it speaks of is posted (spec 02 §15, 8).
package struct Turn: ~Copyable {
  /// Nanoseconds since an arbitrary start; never goes back.
  package var now: UInt64
  package var memory: NodeMemory
  package var timers: TimerWheel
  package var random: SeededGenerator
  package var receives: RigidArray<ReceiveRequest>
  package var sends: RigidArray<SendRequest>
  package var commands: RigidArray<CMCommand>

  /// - Parameters:
  ///   - now: nanoseconds.
  ///   - timerCount: objects with a deadline.
  ///   - seed: of the random numbers.
  ///   - batchCapacity: receives and sends of one turn, each.
  ///   - commandCapacity: commands of one turn.
  package init(
    now: UInt64, memory: consuming NodeMemory, timerCount: Int, seed: UInt64,
    batchCapacity: Int = 4096, commandCapacity: Int = 256
  ) {
    self.now = now
    self.memory = memory
    timers = TimerWheel(capacity: timerCount, now: now)
    random = SeededGenerator(seed: seed)
    receives = RigidArray(capacity: batchCapacity)
    sends = RigidArray(capacity: batchCapacity)
    commands = RigidArray(capacity: commandCapacity)
  }

  /// Takes a queue pair's requests out of the batches: an earlier one was refused, and the queue pair ends.
  package mutating func dropRequests(of queuePair: QueuePairHandle) {
    var kept = 0
    for index in 0..<sends.count where sends[index].queuePair != queuePair {
      sends[kept] = sends[index]
      kept += 1
    }
    sends.removeLast(sends.count - kept)
    kept = 0
    for index in 0..<receives.count where receives[index].queuePair != queuePair {
      receives[kept] = receives[index]
      kept += 1
    }
    receives.removeLast(receives.count - kept)
  }

  /// Whether a room may still append `count` requests and commands in this turn; else it waits for the next.
  @inlinable
  package func hasRoom(for count: Int) -> Bool {
    receives.freeCapacity >= count && sends.freeCapacity >= count
      && commands.freeCapacity >= min(count, 8)
  }
}
