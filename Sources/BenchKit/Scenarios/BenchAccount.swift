/// What a service has had of one session so far: PUTs that carry no answer, and those of them whose data did not have
/// the checksum it came with. Both wrap around; the asker takes differences.
package struct BenchAccount: Equatable, Sendable {
  package var received: UInt32 = 0
  package var mismatched: UInt32 = 0

  package init() {}

  /// As header data.
  package var encoded: UInt64 { UInt64(mismatched) << 32 | UInt64(received) }

  package init(encoded: UInt64) {
    received = UInt32(truncatingIfNeeded: encoded)
    mismatched = UInt32(truncatingIfNeeded: encoded >> 32)
  }
}

/// The accounts of the sessions that a service has heard of last.
package struct BenchAccounts: Sendable {
  /// Sessions at a time: more than measure one node at once. The one that was silent longest is forgotten first.
  package static let sessionCountMax = 64

  private struct Entry {
    var session: UInt32
    var account = BenchAccount()
    var usedAt: UInt64 = 0
  }

  private var entries: [Entry] = []
  private var last = 0
  private var useCount: UInt64 = 0

  package init() { entries.reserveCapacity(Self.sessionCountMax) }

  package mutating func count(_ session: UInt32, isWrong: Bool) {
    let index = index(of: session)
    entries[index].account.received &+= 1
    if isWrong { entries[index].account.mismatched &+= 1 }
  }

  package subscript(session: UInt32) -> BenchAccount {
    mutating get { entries[index(of: session)].account }
  }

  private mutating func index(of session: UInt32) -> Int {
    useCount += 1
    if last >= entries.count || entries[last].session != session { last = find(session) }
    entries[last].usedAt = useCount
    return last
  }

  private mutating func find(_ session: UInt32) -> Int {
    var oldest = 0
    for index in entries.indices {
      if entries[index].session == session { return index }
      if entries[index].usedAt < entries[oldest].usedAt { oldest = index }
    }
    if entries.count < Self.sessionCountMax {
      entries.append(Entry(session: session))
      return entries.count - 1
    }
    entries[oldest] = Entry(session: session)
    return oldest
  }
}
