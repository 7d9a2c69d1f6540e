// Property: whatever is exposed and whatever comes, matching picks what a literal reading of spec 01
// §4.3 picks.
// Method: seeded random entries and messages; a model that walks lists in order; both compared step by
// step.
import LNet
import LustreWire
import RDMATransport
import Structures
import Testing

/// Spec 01 §4.3 word for word, with arrays.
private struct Model {
  struct Entry {
    var tag: UInt64
    var entry: MatchEntry
    var options: DescriptorOptions
    var threshold: Int32
    var maxSize: Int
    var length: Int
    var offset = 0
    var unlinks: Bool

    var isExhausted: Bool {
      threshold == 0 || options.contains(.maxSize) && offset + maxSize > length
    }
  }

  struct Landing: Equatable {
    var tag: UInt64
    var offset: Int
    var length: Int
  }

  var wild: [Entry] = []
  var exact: [Entry] = []

  mutating func add(_ entry: Entry) {
    func place(_ list: inout [Entry]) {
      if entry.entry.position == .before { list.insert(entry, at: 0) } else { list.append(entry) }
    }
    if entry.entry.ignoreBits != 0 { place(&wild) } else { place(&exact) }
  }

  mutating func put(
    portal: UInt32, bits: UInt64, source: NID, offset: Int, length: Int
  ) -> Landing? {
    for isWild in [true, false] {
      for index in (isWild ? wild : exact).indices {
        var candidate = isWild ? wild[index] : exact[index]
        let entry = candidate.entry
        guard entry.portal.rawValue == portal, !candidate.isExhausted,
          candidate.options.contains(.put),
          (entry.matchBits ^ bits) & ~entry.ignoreBits == 0,
          entry.pid == LNetLimits.anyPID || entry.pid == 12345,
          entry.nid == .any || entry.nid == source
        else { continue }
        let start = candidate.options.contains(.remoteOffset) ? offset : candidate.offset
        var room = max(0, candidate.length - start)
        if candidate.options.contains(.maxSize) { room = min(room, candidate.maxSize) }
        guard length <= room || candidate.options.contains(.truncate) else { return nil }
        let moved = min(length, room)
        candidate.offset = min(start, candidate.length) + moved
        if candidate.threshold > 0 { candidate.threshold -= 1 }
        let goes = candidate.isExhausted && candidate.unlinks
        if isWild {
          if goes { wild.remove(at: index) } else { wild[index] = candidate }
        } else {
          if goes { exact.remove(at: index) } else { exact[index] = candidate }
        }
        return Landing(tag: candidate.tag, offset: start, length: moved)
      }
    }
    return nil
  }
}

@Suite struct MatchingPropertyTests {
  @Test(arguments: 1...30 as ClosedRange<UInt64>)
  func matchingIsWhatTheSectionSays(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    func upTo(_ bound: UInt64) -> UInt64 { random.next() % bound }
    let node = TestNode([us])
    var model = Model()
    let sources = [real, NID.o2ib(0x0A0A_0002)]
    let memory = node.bulk(count: 200)
    for tag in 1...400 as ClosedRange<UInt64> {
      if upTo(3) == 0, node.lnet.entryCount < 200 {
        var options: DescriptorOptions = upTo(6) == 0 ? [.get] : [.put]
        if upTo(2) == 0 { options.insert(.truncate) }
        if upTo(3) == 0 { options.insert(.remoteOffset) }
        if upTo(4) == 0 { options.insert(.maxSize) }
        let entry = MatchEntry(
          portal: Portal(rawValue: UInt32(1 + upTo(2))), matchBits: upTo(4),
          ignoreBits: upTo(3) == 0 ? upTo(4) : 0, nid: upTo(3) == 0 ? sources[Int(upTo(2))] : .any,
          pid: upTo(6) == 0 ? 99 : LNetLimits.anyPID,
          position: upTo(3) == 0 ? .before : .after)
        let threshold = Int32(upTo(4)) - 1
        let part = memory.part(offset: 0, length: Int(1 + upTo(200)))
        let maxSize = UInt32(upTo(50))
        let unlinks = upTo(4) != 0
        _ = try node.lnet.expose(
          entry,
          MemoryDescriptor(
            memory: part, options: options, threshold: threshold, maxSize: maxSize,
            unlinksWhenExhausted: unlinks, tag: tag), turn: &node.turn)
        model.add(
          Model.Entry(
            tag: tag, entry: entry, options: options, threshold: threshold,
            maxSize: Int(maxSize), length: Int(part.length), unlinks: unlinks))
      } else {
        let portal = UInt32(1 + upTo(2))
        let bits = upTo(4)
        let source = sources[Int(upTo(2))]
        let offset = upTo(4) == 0 ? UInt32.max : UInt32(upTo(220))
        let length = Int(upTo(120))
        node.receive(
          .put(
            from: source, to: us, portal: portal, matchBits: bits, offset: offset,
            length: length), pattern(length))
        let expected = model.put(
          portal: portal, bits: bits, source: source, offset: Int(offset), length: length)
        let found = node.takeEvents().only.map {
          Model.Landing(
            tag: $0.tag, offset: Int($0.offset), length: Int($0.movedLength))
        }
        #expect(found == expected)
      }
    }
  }
}
