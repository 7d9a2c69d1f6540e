internal import BasicContainers
package import LustreWire
internal import RDMATransport
internal import Structures

// What the room keeps of imports: which requests have no reply yet (spec 10 §9.3), and estimates (12 §2).
extension PtlRPC {
  /// An import begins: nothing is known of its server.
  package mutating func resetImport(_ slot: UInt32) {
    precondition(imports[Int(slot)].firstUnreplied == noCell, "an import with requests")
    imports[Int(slot)] = ImportRecord()
  }

  /// It has connected: the latency is measured anew, from the connect's own reply on (spec 12 §2.2).
  package mutating func resetLatency(ofImport slot: UInt32) {
    imports[Int(slot)].latency.reset(to: 0)
  }

  /// The estimated network latency, in seconds.
  package mutating func latency(ofImport slot: UInt32) -> UInt32 {
    imports[Int(slot)].latency.current
  }

  /// What a service is expected to take, in seconds.
  package mutating func estimate(ofImport slot: UInt32, _ portal: Portal) -> UInt32 {
    imports[Int(slot)].estimates.estimate(portal)
  }

  /// How an import's requests fare; looks at all requests of the node.
  package mutating func statistics(ofImport number: UInt32) -> ImportStatistics {
    let record = imports[Int(number)]
    var statistics = ImportStatistics()
    statistics.timeouts = record.timeoutCount
    statistics.averageWait =
      record.replyCount == 0 ? 0 : record.waitTime / UInt64(record.replyCount)
    statistics.reads = record.reads
    statistics.writes = record.writes
    for slot in 0..<requests.capacity
    where requests.isTaken(slot) && requests[slot].draft.importSlot == number {
      if requests[slot].isReleased { statistics.unregistering += 1 }
    }
    return statistics
  }

  mutating func noteWait(_ slot: Int, until now: UInt64) {
    let number = Int(requests[slot].draft.importSlot)
    imports[number].replyCount &+= 1
    imports[number].waitTime &+= (now &- requests[slot].sentTime) / 1000
  }

  /// A request has ended well, and its bulk has been moved.
  mutating func noteTransfer(_ slot: Int, until now: UInt64) {
    let number = Int(requests.cells[slot].draft.importSlot)
    let (bytes, time) = (
      requests.cells[slot].bulkByteCount, now &- requests.cells[slot].sentTime
    )
    switch requests.cells[slot].draft.opcode {
    case .ostRead: imports[number].reads.add(bytes, nanoseconds: time)
    case .ostWrite: imports[number].writes.add(bytes, nanoseconds: time)
    default: break
    }
  }

  /// `pb_last_xid` as a request of now would say it.
  package mutating func lastXID(ofImport slot: UInt32) -> UInt64 {
    let first = imports[Int(slot)].firstUnreplied
    if first != noCell {
      let replied = requests.cells[Int(first)].xid &- 1
      // It never goes back.
      if replied > imports[Int(slot)].repliedXID { imports[Int(slot)].repliedXID = replied }
    }
    return imports[Int(slot)].repliedXID
  }

  /// An import's requests without a reply, one by one in the order of their XIDs, ended ones among them.
  ///
  /// - Parameter handle: the one before; nil for the first.
  package mutating func unreplied(
    ofImport slot: UInt32, after handle: RequestHandle? = nil
  ) -> RequestHandle? {
    let next =
      handle.map { requests.cells[self.slot(of: $0)].nextUnreplied }
      ?? imports[Int(slot)].firstUnreplied
    return next == noCell ? nil : RequestHandle(raw: requests.handle(Int(next)))
  }

  /// Enters a request at the end of its import's list: its XID is the newest.
  mutating func enlist(_ slot: Int) {
    let number = Int(requests.cells[slot].draft.importSlot)
    let last = imports[number].lastUnreplied
    requests.cells[slot].isUnreplied = true
    requests.cells[slot].previousUnreplied = last
    requests.cells[slot].nextUnreplied = noCell
    if last == noCell {
      imports[number].firstUnreplied = UInt32(slot)
    } else {
      requests.cells[Int(last)].nextUnreplied = UInt32(slot)
    }
    imports[number].lastUnreplied = UInt32(slot)
  }

  /// Its reply is there, or nobody waits for it any more.
  mutating func unlist(_ slot: Int) {
    let number = Int(requests.cells[slot].draft.importSlot)
    let previous = requests.cells[slot].previousUnreplied
    let next = requests.cells[slot].nextUnreplied
    if previous == noCell {
      imports[number].firstUnreplied = next
    } else {
      requests.cells[Int(previous)].nextUnreplied = next
    }
    if next == noCell {
      imports[number].lastUnreplied = previous
    } else {
      requests.cells[Int(next)].previousUnreplied = previous
    }
    requests.cells[slot].isUnreplied = false
    _ = lastXID(ofImport: UInt32(number))
  }

  /// Learns from a reply how long the network took (spec 12 §2.2).
  mutating func measureLatency(_ slot: Int, serviceTime: UInt32, at now: UInt64) {
    let number = Int(requests.cells[slot].draft.importSlot)
    let elapsed = UInt32(
      clamping: (now &- requests.cells[slot].sentTime) / nanosecondsPerSecond)
    guard serviceTime <= elapsed &+ 3 else { return }
    let sample = (elapsed > serviceTime ? elapsed - serviceTime : 0) + 1
    imports[number].latency.measure(sample, at: Self.seconds(now), adaptive)
  }

  static func seconds(_ now: UInt64) -> UInt32 { UInt32(clamping: now / nanosecondsPerSecond) }
}
