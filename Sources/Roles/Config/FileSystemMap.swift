package import LustreWire

/// A target as a file system's logs describe it: who it is, and where it may be found.
package struct TargetEntry: Equatable, Sendable {
  /// `fsname-OST0000_UUID`.
  package var uuid: String
  package var index: UInt32
  /// The names of its nodes, the usual one first.
  package var nodes: [String]
  /// The log says not to use it.
  package var isInactive: Bool
  package var isMetadata = false
}

/// Where a target is now, as the management server's table of NIDs has it (spec 11 §14).
package struct TargetLife: Equatable, Sendable {
  /// How often the target was started.
  package var instance: UInt32
  package var nids: [NID]
}

/// What a reader of a client's or a metadata target's log has learnt: all targets and their NIDs.
///
/// Every record is carried out, in order, as a client of a real file system would; what cannot be understood and
/// is required fails the mount with the record's name (spec 11 §12.1).
package struct FileSystemMap: Equatable, Sendable {
  /// Why a record could not be carried out.
  package struct Failure: Error, Equatable {
    package var command: ConfigCommand
    package var explanation: String
  }

  package private(set) var metadataTargets: [TargetEntry] = []
  package private(set) var objectTargets: [TargetEntry] = []
  /// The NIDs of each node, by the node's name.
  package private(set) var nids: [String: [NID]] = [:]
  /// The timeout of all requests in seconds, where the log sets one.
  package private(set) var timeoutSeconds: UInt32?
  /// `key=value`, in order, with whom each concerns.
  package private(set) var parameters: [(target: String, text: String)] = []
  /// Records that were passed over: not required, and not understood here.
  package private(set) var skippedCount = 0

  /// What the table of NIDs says, by kind and index.
  private var lives: [UInt32: TargetLife] = [:]
  private var devices: [Device] = []
  private var deviceIndices: [String: Int] = [:]
  private var deviceOfTarget: [String: Int] = [:]
  private var section = Section.outside

  private struct Device: Equatable {
    var name: String
    var type: String
    var target: String
    var nodes: [String]
  }

  private enum Section: Equatable {
    case outside, counts, excluded, skipped
  }

  package init() {}

  package static func == (left: Self, right: Self) -> Bool {
    left.metadataTargets == right.metadataTargets && left.objectTargets == right.objectTargets
      && left.nids == right.nids && left.timeoutSeconds == right.timeoutSeconds
      && left.parameters.elementsEqual(right.parameters, by: ==) && left.lives == right.lives
  }

  /// The NIDs under which a target may be found: where it is now, as far as that is known, then those of the log,
  /// the first of its usual node first.
  package func nids(of target: TargetEntry) -> [NID] {
    var result = life(of: target)?.nids ?? []
    for nid in target.nodes.flatMap({ nids[$0] ?? [] }) where !result.contains(nid) {
      result.append(nid)
    }
    return result
  }

  /// Where a target is now; nil when the table of NIDs does not have it.
  package func life(of target: TargetEntry) -> TargetLife? {
    lives[Self.key(target.index, isMetadata: target.isMetadata)]
  }

  /// Takes over an entry of the table of NIDs.
  ///
  /// - Returns: whether it is news.
  package mutating func update(
    index: UInt32, isMetadata: Bool, _ life: TargetLife
  ) -> Bool {
    let key = Self.key(index, isMetadata: isMetadata)
    guard index <= 0xFFFF, lives[key] != life else { return false }
    lives[key] = life
    return true
  }

  private static func key(_ index: UInt32, isMetadata: Bool) -> UInt32 {
    index | (isMetadata ? 1 << 31 : 0)
  }

  /// Carries out one record.
  package mutating func apply(
    _ bytes: borrowing RawSpan, _ content: Range<Int>
  ) throws(Failure) {
    let record: ConfigRecord
    do throws(WireError) {
      record = try ConfigRecord(decoding: bytes, in: content)
    } catch {
      throw Failure(command: ConfigCommand(rawValue: 0), explanation: "\(error)")
    }
    if record.command == .marker {
      try mark(record, bytes)
      return
    }
    // Outside a section nothing counts (spec 11 §12.1).
    guard section == .counts || section == .excluded else {
      skippedCount += 1
      return
    }
    var texts: [String?] = []
    for index in 0..<record.bufferCount { texts.append(record.text(index, in: bytes)) }
    try apply(record, texts)
  }

  private mutating func mark(
    _ record: ConfigRecord, _ bytes: borrowing RawSpan
  ) throws(Failure) {
    let range = record.range(of: 1, in: bytes)
    guard range.count >= ConfigMarker.byteCount else {
      throw Failure(command: record.command, explanation: "its marker is cut short")
    }
    let marker = ConfigMarker(at: range.lowerBound, in: bytes, swapped: record.swapped)
    if marker.flags.contains(.end) {
      section = .outside
    } else if marker.flags.contains(.skip) {
      section = .skipped
    } else {
      section = marker.flags.contains(.exclude) ? .excluded : .counts
    }
  }

  private mutating func apply(_ record: ConfigRecord, _ texts: [String?]) throws(Failure) {
    func text(_ index: Int) throws(Failure) -> String {
      guard index < texts.count, let text = texts[index] else {
        throw Failure(command: record.command, explanation: "there is no text \(index)")
      }
      return text
    }
    switch record.command {
    case .attach:
      let device = Device(name: try text(0), type: try text(1), target: "", nodes: [])
      deviceIndices[device.name] = devices.count
      devices.append(device)
    case .setup:
      try setUp(try text(0), texts, record)
    case .addUUID:
      try addNID(node: try text(1), texts, record)
    case .addConnection:
      let (name, node) = (try text(0), try text(1))
      let index = try device(name, record)
      devices[index].nodes.append(node)
      update(devices[index])
    case .addMetadataTarget, .addObjectTarget, .addInactiveObjectTarget:
      try addTarget(uuid: try text(1), index: try text(2), record)
    case .setTimeout: timeoutSeconds = record.number
    case .parameter: parameters.append((texts.first.flatMap { $0 } ?? "", try text(1)))
    case .setParameter: parameters.append(("", try text(1)))
    case .mountOption, .poolNew, .poolAdd, .poolRemove, .poolDelete, .cleanup, .detach,
      .deleteMountOption:
      break
    case .deleteUUID: nids[try text(1)] = nil
    default:
      guard !record.command.isRequired else {
        throw Failure(command: record.command, explanation: "it is required and not known here")
      }
      skippedCount += 1
    }
  }

  private mutating func setUp(
    _ name: String, _ texts: [String?], _ record: ConfigRecord
  ) throws(Failure) {
    let index = try device(name, record)
    // An aggregator has a structure there.
    guard devices[index].type != "lov", devices[index].type != "lmv" else { return }
    guard texts.count >= 3, let target = texts[1], let node = texts[2] else {
      // A target's own set-up, in a target's own log.
      return
    }
    devices[index].target = target
    devices[index].nodes = [node]
    deviceOfTarget[target] = index
  }

  private func device(_ name: String, _ record: ConfigRecord) throws(Failure) -> Int {
    guard let index = deviceIndices[name] else {
      throw Failure(command: record.command, explanation: "there is no device \(name)")
    }
    return index
  }

  private mutating func addNID(
    node: String, _ texts: [String?], _ record: ConfigRecord
  ) throws(Failure) {
    var nid = record.nid
    if nid.rawValue == 0 {
      guard texts.count > 2, let text = texts[2], let parsed = NID(text) else {
        throw Failure(command: record.command, explanation: "node \(node) has no NID")
      }
      nid = parsed
    }
    if nids[node]?.contains(nid) != true { nids[node, default: []].append(nid) }
  }

  private mutating func addTarget(
    uuid: String, index text: String, _ record: ConfigRecord
  ) throws(Failure) {
    guard let index = UInt32(text), index <= 0xFFFF else {
      throw Failure(command: record.command, explanation: "\(text) is no index")
    }
    guard let device = deviceOfTarget[uuid] else {
      throw Failure(command: record.command, explanation: "no device has the target \(uuid)")
    }
    let entry = TargetEntry(
      uuid: uuid, index: index, nodes: devices[device].nodes,
      isInactive: section == .excluded || record.command == .addInactiveObjectTarget,
      isMetadata: record.command == .addMetadataTarget)
    if record.command == .addMetadataTarget {
      metadataTargets.removeAll { $0.uuid == uuid }
      metadataTargets.append(entry)
    } else {
      objectTargets.removeAll { $0.uuid == uuid }
      objectTargets.append(entry)
    }
  }

  /// A device's nodes have changed after its target was added.
  private mutating func update(_ device: Device) {
    for index in metadataTargets.indices where metadataTargets[index].uuid == device.target {
      metadataTargets[index].nodes = device.nodes
    }
    for index in objectTargets.indices where objectTargets[index].uuid == device.target {
      objectTargets[index].nodes = device.nodes
    }
  }
}
