internal import BasicContainers
internal import LustreWire

/// What matching found for a PUT or GET.
struct Match: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    /// It lands in `descriptor`; the operation has been counted there.
    case matched
    /// Nothing fits.
    case none
    /// It fits, but is too long and may not be cut off (spec 01 §4.3, 6).
    case tooLong
    /// It fits, but as many messages as may be are being read in place.
    case full
  }

  var kind: Kind
  var descriptor: Int
  var offset: UInt32
  var length: UInt32

  static func unmatched(_ kind: Kind) -> Match {
    Match(kind: kind, descriptor: 0, offset: 0, length: 0)
  }
}

/// What a PUT or GET says of itself that matching looks at.
struct MatchQuery: BitwiseCopyable {
  /// `.put` or `.get`.
  var operation: DescriptorOptions
  var portal: Int
  var matchBits: UInt64
  /// The sender's primary NID, and the one it used.
  var initiator: NID
  var source: NID
  var pid: UInt32
  var offset: UInt32
  var length: UInt32
}

extension LNet {
  /// Finds the descriptor for a message (spec 01 §4.3): entries with ignore bits first, then exact ones, each
  /// in list order.
  @inline(__always)
  mutating func match(_ query: MatchQuery) -> Match {
    let entry = search(query)
    guard entry != noCell else { return .unmatched(.none) }
    return commit(Int(entries.cells[Int(entry)].descriptor), query)
  }

  @inline(__always)
  private mutating func search(_ query: MatchQuery) -> UInt32 {
    var index = portals[query.portal].first
    while index != noCell {
      let number = Int(index)
      if accepts(number, query) { return index }
      index = entries.cells[number].next
    }
    guard portals[query.portal].exactCount != 0 else { return noCell }
    index = buckets[bucket(portal: query.portal, matchBits: query.matchBits)].first
    while index != noCell {
      let number = Int(index)
      if Int(entries.cells[number].portal) == query.portal && accepts(number, query) {
        return index
      }
      index = entries.cells[number].next
    }
    return noCell
  }

  /// Steps 1 to 5 of spec 01 §4.3.
  @inline(__always)
  private mutating func accepts(_ entry: Int, _ query: MatchQuery) -> Bool {
    guard Self.fits(&entries.cells[entry], query) else { return false }
    let nid = entries.cells[entry].nid
    guard nid == .any || isSame(nid, query) else { return false }
    return Self.takes(&descriptors.cells[Int(entries.cells[entry].descriptor)], query.operation)
  }

  @inline(__always)
  private static func fits(_ entry: inout EntryRecord, _ query: MatchQuery) -> Bool {
    (entry.matchBits ^ query.matchBits) & ~entry.ignoreBits == 0 && entry.descriptor != noCell
      && (entry.pid == LNetLimits.anyPID || entry.pid == query.pid)
  }

  @inline(__always)
  private static func takes(
    _ descriptor: inout DescriptorRecord, _ operation: DescriptorOptions
  ) -> Bool {
    descriptor.options.contains(operation) && !descriptor.isExhausted && !descriptor.isAborted
  }

  /// Whether an entry's NID means the sender: its primary NID, the one it used, or another of its own
  /// (spec 01 §4.3, 5).
  private mutating func isSame(_ nid: NID, _ query: MatchQuery) -> Bool {
    if nid == query.initiator || nid == query.source { return true }
    if query.source == .loopback { return ownInterface(nid) != nil }
    return primaryNID(of: nid) == query.initiator
  }

  /// Steps 6 and 7.
  @inline(__always)
  private mutating func commit(_ index: Int, _ query: MatchQuery) -> Match {
    if descriptors.cells[index].isInPlace && inPlaceCount >= limits.messagesInPlace {
      return .unmatched(.full)
    }
    let match = Self.commit(&descriptors.cells[index], index, query)
    guard match.kind == .matched else { return match }
    // One that is used up is not met again by later searches.
    if descriptors.cells[index].isExhausted && descriptors.cells[index].unlinksWhenExhausted {
      detachEntry(ofDescriptor: index)
    }
    return match
  }

  @inline(__always)
  private static func commit(
    _ descriptor: inout DescriptorRecord, _ index: Int, _ query: MatchQuery
  ) -> Match {
    let options = descriptor.options
    let end = descriptor.length
    let offset =
      descriptor.isInPlace
      ? 0 : options.contains(.remoteOffset) ? query.offset : descriptor.offset
    var room = end - min(offset, end)
    if options.contains(.maxSize) { room = min(room, descriptor.maxSize) }
    var length = query.length
    if length > room {
      guard options.contains(.truncate) else { return .unmatched(.tooLong) }
      length = room
    }
    // An offset beyond the end carries nothing: what follows it begins at the end.
    if !descriptor.isInPlace { descriptor.offset = min(offset, end) + length }
    descriptor.countOperation()
    return Match(kind: .matched, descriptor: index, offset: offset, length: length)
  }

  /// Counts an operation that begins on a descriptor.
  @inline(__always)
  mutating func count(operationOn index: Int) {
    descriptors.cells[index].countOperation()
  }
}
