package import Storage
package import Structures

/// The way of one target to its disk and back: what is asked and not yet taken, what came and is not yet looked at.
///
/// The driver moves both by `Roles.exchange`. A server asks only when `hasRoom` says that all commands of a
/// transaction fit: what waits for room waits in the server, and in the end at its clients.
package struct TargetDisk: ~Copyable {
  /// Commands that fit: as many as a store takes at a time.
  package static let capacity = 256

  package var commands: FixedQueue<StorageCommand>
  package var completions: FixedQueue<StorageCompletion>
  /// The last number that was given to a transaction; all are higher than those of earlier lives.
  package private(set) var lastTransno: UInt64

  /// - Parameter lastTransno: as the store's image has it when it is opened.
  package init(lastTransno: UInt64) {
    self.lastTransno = lastTransno
    commands = FixedQueue(capacity: Self.capacity, filler: StorageCommand(.none, ticket: 0))
    completions = FixedQueue(
      capacity: Self.capacity, filler: .durable(transno: 0))
  }

  /// Whether so many commands can be asked now.
  package func hasRoom(for count: Int = 1) -> Bool { commands.freeCapacity >= count }

  /// A number for a new transaction: taken in the order in which its commands are asked.
  package mutating func makeTransno() -> UInt64 {
    lastTransno += 1
    return lastTransno
  }

  /// Asks; there must be room.
  package mutating func ask(_ command: StorageCommand) {
    let isTaken = commands.append(command)
    precondition(isTaken, "a command without room for it")
  }
}
