internal import BasicContainers
package import LustreWire
package import RDMATransport

/// One of the 64 portals (spec 01 §4.1).
struct PortalRecord: BitwiseCopyable {
  /// Entries with ignore bits, in list order.
  var first = noCell
  var last = noCell
  /// How many entries without ignore bits there are; they are found by hash.
  var exactCount: UInt32 = 0
  /// Whether a PUT without a match waits for a buffer.
  var isLazy = false
  /// The PUTs that wait, oldest first.
  var firstHeld = noCell
  var lastHeld = noCell
}

/// Entries whose portal and match bits have the same hash, in list order.
struct EntryBucket: BitwiseCopyable {
  var first: UInt32
  var last: UInt32
}

extension LNet {
  /// Whether PUTs without a match wait on this portal. Making it not lazy drops those that wait.
  package mutating func setLazy(_ portal: Portal, _ isLazy: Bool, turn: inout Turn) {
    precondition(portal.isLegal && portal != .reserved)
    let index = Int(portal.rawValue)
    portals[index].isLazy = isLazy
    if !isLazy { drain(portal: index, turn: &turn) }
  }

  /// How many PUTs wait on lazy portals, all portals together.
  package var heldMessageCount: Int { heldCount }

  /// How many messages consumers read in place now.
  package var messagesInPlaceCount: Int { inPlaceCount }

  @inline(__always)
  func bucket(portal: Int, matchBits: UInt64) -> Int {
    // Match bits count upwards; the multiplication spreads them, the top bits choose.
    Int(((matchBits ^ UInt64(portal) << 57) &* 0x9E37_79B9_7F4A_7C15) >> bucketShift)
  }

  /// Enters an entry into the list of its portal.
  mutating func link(entry index: Int, position: MatchEntry.Position) {
    let entry = entries[index]
    let portal = Int(entry.portal)
    if entry.ignoreBits != 0 {
      var list = EntryBucket(first: portals[portal].first, last: portals[portal].last)
      link(entry: index, position: position, list: &list)
      portals[portal].first = list.first
      portals[portal].last = list.last
    } else {
      portals[portal].exactCount += 1
      let number = bucket(portal: portal, matchBits: entry.matchBits)
      var list = buckets[number]
      link(entry: index, position: position, list: &list)
      buckets[number] = list
    }
  }

  private mutating func link(
    entry index: Int, position: MatchEntry.Position, list: inout EntryBucket
  ) {
    switch position {
    case .before:
      entries.cells[index].next = list.first
      entries.cells[index].previous = noCell
      if list.first != noCell { entries.cells[Int(list.first)].previous = UInt32(index) }
      list.first = UInt32(index)
      if list.last == noCell { list.last = UInt32(index) }
    case .after:
      entries.cells[index].previous = list.last
      entries.cells[index].next = noCell
      if list.last != noCell { entries.cells[Int(list.last)].next = UInt32(index) }
      list.last = UInt32(index)
      if list.first == noCell { list.first = UInt32(index) }
    }
  }

  /// Takes an entry out of its list and frees it.
  mutating func remove(entry index: Int) {
    let entry = entries[index]
    let portal = Int(entry.portal)
    let isWild = entry.ignoreBits != 0
    let number = isWild ? 0 : bucket(portal: portal, matchBits: entry.matchBits)
    if entry.previous != noCell {
      entries.cells[Int(entry.previous)].next = entry.next
    } else if isWild {
      portals[portal].first = entry.next
    } else {
      buckets[number].first = entry.next
    }
    if entry.next != noCell {
      entries.cells[Int(entry.next)].previous = entry.previous
    } else if isWild {
      portals[portal].last = entry.previous
    } else {
      buckets[number].last = entry.previous
    }
    if !isWild { portals[portal].exactCount -= 1 }
    entries.cells[index] = .free
    entries.give(index)
  }
}
