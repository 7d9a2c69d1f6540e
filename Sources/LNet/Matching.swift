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
  mutating func match(_ query: MatchQuery) -> Match {
    var index = portals[query.portal].first
    while index != noCell {
      let number = Int(index)
      if accepts(number, query) { return commit(Int(entries[number].descriptor), query) }
      index = entries[number].next
    }
    guard portals[query.portal].exactCount != 0 else { return .unmatched(.none) }
    index = buckets[bucket(portal: query.portal, matchBits: query.matchBits)].first
    while index != noCell {
      let number = Int(index)
      if Int(entries[number].portal) == query.portal && accepts(number, query) {
        return commit(Int(entries[number].descriptor), query)
      }
      index = entries[number].next
    }
    return .unmatched(.none)
  }

  /// Steps 1 to 5 of spec 01 §4.3.
  @inline(__always)
  private mutating func accepts(_ entry: Int, _ query: MatchQuery) -> Bool {
    guard (entries[entry].matchBits ^ query.matchBits) & ~entries[entry].ignoreBits == 0,
      entries[entry].descriptor != noCell
    else { return false }
    let pid = entries[entry].pid
    guard pid == LNetLimits.anyPID || pid == query.pid else { return false }
    let nid = entries[entry].nid
    guard nid == .any || isSame(nid, query) else { return false }
    let index = Int(entries[entry].descriptor)
    return descriptors[index].options.contains(query.operation) && !descriptors[index].isExhausted
      && !descriptors[index].isAborted
  }

  /// Whether an entry's NID means the sender: its primary NID, the one it used, or another of its own
  /// (spec 01 §4.3, 5).
  private mutating func isSame(_ nid: NID, _ query: MatchQuery) -> Bool {
    if nid == query.initiator || nid == query.source { return true }
    if query.source == .loopback { return ownInterface(nid) != nil }
    return primaryNID(of: nid) == query.initiator
  }

  /// Steps 6 and 7.
  private mutating func commit(_ index: Int, _ query: MatchQuery) -> Match {
    let isInPlace = descriptors[index].isInPlace
    if isInPlace && inPlaceCount >= limits.messagesInPlace { return .unmatched(.full) }
    let options = descriptors[index].options
    let end = descriptors[index].length
    let offset =
      isInPlace ? 0 : options.contains(.remoteOffset) ? query.offset : descriptors[index].offset
    var room = end - min(offset, end)
    if options.contains(.maxSize) { room = min(room, descriptors[index].maxSize) }
    var length = query.length
    if length > room {
      guard options.contains(.truncate) else { return .unmatched(.tooLong) }
      length = room
    }
    // An offset beyond the end carries nothing: what follows it begins at the end.
    if !isInPlace { descriptors.cells[index].offset = min(offset, end) + length }
    count(operationOn: index)
    // One that is used up is not met again by later searches.
    if descriptors[index].isExhausted && descriptors[index].unlinksWhenExhausted {
      detachEntry(ofDescriptor: index)
    }
    return Match(kind: .matched, descriptor: index, offset: offset, length: length)
  }

  /// Counts an operation that begins on a descriptor.
  @inline(__always)
  mutating func count(operationOn index: Int) {
    descriptors.cells[index].uses += 1
    if descriptors[index].threshold > 0 { descriptors.cells[index].threshold -= 1 }
  }
}
