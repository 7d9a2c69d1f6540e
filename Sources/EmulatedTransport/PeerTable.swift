internal import CLinuxShims
internal import Rings

/// What this process holds of the nodes that its own are linked to: one mapping and one doorbell of each, however many
/// nodes of ours use them. Thousands of clients in one process would else map their server thousands of times.
///
/// Thread rule: any. It is asked when a link comes or goes, never for a message.
final class PeerTable: Sendable {
  /// A node of a process: the process as the kernel names it, and a number that the node chose at random.
  struct Key: Hashable {
    var process: Int32
    var node: UInt64
  }

  private struct Entry {
    var memory: SharedMemory
    var bell: Int32
    var linkCount: Int
  }

  static let ofProcess = PeerTable()

  private let entries = Guarded([Key: Entry]())

  /// Takes the descriptors that a peer sent over, in any case: keeps what is new of them and closes the rest.
  ///
  /// - Parameter byteCount: of its memory, as it says itself; nil is returned when that is not so.
  func take(
    _ key: Key, memory: Int32, bell: Int32, byteCount: UInt64
  ) -> (memory: SharedMemory, bell: Int32)? {
    defer { clinux_close(memory) }
    let taken = entries.withLock { entries -> (SharedMemory, Int32)? in
      if var entry = entries[key] {
        guard UInt64(entry.memory.byteCount) == byteCount else { return nil }
        entry.linkCount += 1
        entries[key] = entry
        return (entry.memory, entry.bell)
      }
      let size = clinux_memory_size(memory)
      guard size >= Int64(Layout.heap), UInt64(size) == byteCount, size <= 1 << 42,
        let mapped = try? SharedMemory(mapping: memory, byteCount: Int(size))
      else { return nil }
      entries[key] = Entry(memory: mapped, bell: bell, linkCount: 1)
      return (mapped, bell)
    }
    if taken?.1 != bell { clinux_close(bell) }
    return taken.map { (memory: $0.0, bell: $0.1) }
  }

  /// A link ends that took them; the last one ends the mapping.
  func giveBack(_ key: Key) {
    let last = entries.withLock { entries -> Entry? in
      guard var entry = entries[key] else { return nil }
      entry.linkCount -= 1
      entries[key] = entry.linkCount == 0 ? nil : entry
      return entry.linkCount == 0 ? entry : nil
    }
    guard let last else { return }
    last.memory.unmap()
    clinux_close(last.bell)
  }
}
