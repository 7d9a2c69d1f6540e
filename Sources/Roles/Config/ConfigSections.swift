package import LustreWire

/// The nodes that a target may be found on: the first is its usual one.
package struct TargetPlace: Hashable, Sendable {
  /// The NIDs of each node; a node's first NID is its name.
  package var nodes: [[NID]]

  package init(nodes: [[NID]]) {
    precondition(!nodes.isEmpty && nodes.allSatisfy { !$0.isEmpty })
    self.nodes = nodes
  }

  /// The name of node `index`: the text of its first NID (spec 11 §1.2).
  package func name(_ index: Int) -> String { nodes[index][0].description }
}

/// One section of a log: records between two markers.
package struct ConfigSection: Equatable, Sendable {
  /// Whom it concerns, as the markers say.
  package var target: String
  /// What it is, as the markers say.
  package var comment: String
  /// Contents of records, as `ConfigRecord.encode` makes them.
  package var records: [[UInt8]]

  package init(target: String, comment: String, records: [[UInt8]]) {
    self.target = target
    self.comment = comment
    self.records = records
  }
}

/// The names that a file system's devices have in its logs (spec 11 §1.2, §12.2).
package struct FileSystemNames: Hashable, Sendable {
  package let fileSystem: String

  package init(_ fileSystem: String) { self.fileSystem = fileSystem }

  package var clientLog: String { fileSystem + "-client" }
  package var clientLOV: String { fileSystem + "-clilov" }
  package var clientLMV: String { fileSystem + "-clilmv" }
  package func metadataTarget(_ index: UInt32) -> String { target("MDT", index) }
  package func objectTarget(_ index: UInt32) -> String { target("OST", index) }

  private func target(_ kind: String, _ index: UInt32) -> String {
    let digits = String(index, radix: 16)
    return "\(fileSystem)-\(kind)" + String(repeating: "0", count: max(0, 4 - digits.count))
      + digits
  }
}

extension String {
  /// The UUID that goes with a device's name.
  var uuid: String { self + "_UUID" }
}

/// The sections that a management server writes, in its own order and with its own records (spec 11 §12.2).
extension ConfigSection {
  private static func texts(
    _ command: ConfigCommand, _ texts: [String?]
  ) -> [UInt8] {
    ConfigRecord.encode(
      command, buffers: texts.map { $0.map { ConfigRecord.buffer($0) } ?? [] })
  }

  private static func attach(_ name: String, _ type: String, _ uuid: String) -> [UInt8] {
    texts(.attach, [name, type, uuid])
  }

  private static func setup(_ name: String, _ descriptor: LayoutDescriptor) -> [UInt8] {
    ConfigRecord.encode(
      .setup, buffers: [ConfigRecord.buffer(name), ConfigRecord.buffer(descriptor)])
  }

  /// The NIDs of a node, under its name.
  private static func addUUIDs(_ place: TargetPlace, node: Int) -> [[UInt8]] {
    place.nodes[node].map { nid in
      ConfigRecord.encode(
        .addUUID, nid: nid, buffers: [[], ConfigRecord.buffer(place.name(node))])
    }
  }

  /// A device that has an import: its nodes, itself, and its other nodes.
  private static func importing(
    _ device: String, type: String, owner: String, target: String, at place: TargetPlace
  ) -> [[UInt8]] {
    var records = addUUIDs(place, node: 0)
    records.append(attach(device, type, owner.uuid))
    records.append(texts(.setup, [device, target.uuid, place.name(0)]))
    for node in place.nodes.indices.dropFirst() {
      records += addUUIDs(place, node: node)
      records.append(texts(.addConnection, [device, place.name(node)]))
    }
    return records
  }

  /// Object targets' aggregator.
  package static func lovSetup(_ name: String) -> ConfigSection {
    ConfigSection(
      target: name, comment: "lov setup",
      records: [
        attach(name, "lov", name.uuid),
        setup(name, LayoutDescriptor(objectsOf: ObdUUID(name.uuid) ?? ObdUUID())),
      ])
  }

  /// Metadata targets' aggregator.
  package static func lmvSetup(_ name: String) -> ConfigSection {
    ConfigSection(
      target: name, comment: "lmv setup",
      records: [
        attach(name, "lmv", name.uuid),
        setup(name, LayoutDescriptor(metadataOf: ObdUUID(name.uuid) ?? ObdUUID())),
      ])
  }

  /// What a mount of the file system looks for.
  package static func mountOptions(_ names: FileSystemNames) -> ConfigSection {
    ConfigSection(
      target: names.clientLog, comment: "mount opts",
      records: [texts(.mountOption, [nil, names.clientLog, names.clientLOV, names.clientLMV])])
  }

  /// The sections that begin every client log.
  package static func clientLogStart(_ names: FileSystemNames) -> [ConfigSection] {
    [lovSetup(names.clientLOV), lmvSetup(names.clientLMV), mountOptions(names)]
  }

  /// A metadata target in the client log.
  package static func addMDC(
    _ names: FileSystemNames, index: UInt32, at place: TargetPlace
  ) -> ConfigSection {
    let target = names.metadataTarget(index)
    let device = target + "-mdc"
    var records = importing(
      device, type: "mdc", owner: names.clientLMV, target: target, at: place)
    records.append(
      texts(.addMetadataTarget, [names.clientLMV, target.uuid, "\(index)", "1", device.uuid]))
    return ConfigSection(target: target, comment: "add mdc", records: records)
  }

  /// An object target in the client log.
  package static func addOSC(
    _ names: FileSystemNames, index: UInt32, at place: TargetPlace
  ) -> ConfigSection {
    addOSC(
      names, index: index, at: place, device: names.objectTarget(index) + "-osc",
      aggregator: names.clientLOV)
  }

  private static func addOSC(
    _ names: FileSystemNames, index: UInt32, at place: TargetPlace, device: String,
    aggregator: String
  ) -> ConfigSection {
    let target = names.objectTarget(index)
    var records = importing(device, type: "osc", owner: aggregator, target: target, at: place)
    records.append(texts(.addObjectTarget, [aggregator, target.uuid, "\(index)", "1"]))
    return ConfigSection(target: target, comment: "add osc", records: records)
  }

  /// The sections that begin a metadata target's own log.
  package static func metadataLogStart(
    _ names: FileSystemNames, index: UInt32
  ) -> [ConfigSection] {
    let target = names.metadataTarget(index)
    let lov = target + "-mdtlov"
    return [
      lovSetup(lov),
      ConfigSection(
        target: target, comment: "add mdt",
        records: [
          attach(target, "mdt", target.uuid),
          texts(.mountOption, [nil, target, lov]),
          texts(.setup, [target, target.uuid, "\(index)", lov, "f"]),
        ]),
    ]
  }

  /// An object target in a metadata target's log.
  package static func addOSC(
    _ names: FileSystemNames, index: UInt32, at place: TargetPlace, forMetadataTarget owner: UInt32
  ) -> ConfigSection {
    let metadata = names.metadataTarget(owner)
    let device =
      names.objectTarget(index) + "-osc-" + metadata.dropFirst(names.fileSystem.utf8.count + 1)
    return addOSC(
      names, index: index, at: place, device: device, aggregator: metadata + "-mdtlov")
  }

  /// Another metadata target in a metadata target's log.
  package static func addOSP(
    _ names: FileSystemNames, index: UInt32, at place: TargetPlace, forMetadataTarget owner: UInt32
  ) -> ConfigSection {
    let metadata = names.metadataTarget(owner)
    let target = names.metadataTarget(index)
    let device = target + "-osp-" + metadata.dropFirst(names.fileSystem.utf8.count + 1)
    let lov = metadata + "-mdtlov"
    var records = importing(device, type: "osp", owner: lov, target: target, at: place)
    records.append(texts(.addMetadataTarget, [lov, target.uuid, "\(index)", "1"]))
    return ConfigSection(target: target, comment: "add osp", records: records)
  }

  /// The only section of an object target's own log.
  package static func addOST(_ names: FileSystemNames, index: UInt32) -> ConfigSection {
    let target = names.objectTarget(index)
    return ConfigSection(
      target: target, comment: "add ost",
      records: [
        attach(target, "obdfilter", target.uuid),
        texts(.setup, [target, "dev", "type", "f"]),
      ])
  }
}

extension ConfigSection {
  /// A parameter that a target brought along: `key=value`.
  package static func parameter(_ target: String, _ text: String) -> ConfigSection {
    let key = text.prefix { $0 != "=" }
    if key == "sys.timeout", let seconds = UInt32(text.dropFirst(key.count + 1)) {
      return ConfigSection(
        target: target, comment: "timeout",
        records: [ConfigRecord.encode(.setTimeout, number: seconds, buffers: [])])
    }
    return ConfigSection(
      target: target, comment: String(key.prefix(63)), records: [texts(.parameter, [target, text])])
  }
}

extension ConfigLog {
  /// Adds a section between its markers.
  ///
  /// - Parameters:
  ///   - step: the section's number in its file system; grows from section to section.
  ///   - time: seconds since 1970.
  /// - Returns: false when the log has no room for all of it; then nothing was added.
  @discardableResult
  package mutating func append(_ section: ConfigSection, step: UInt32, at time: Int64) -> Bool {
    let before = self
    var marker = ConfigMarker()
    marker.step = step
    marker.version = .current
    marker.createTime = time
    marker.target = WireText(section.target) ?? WireText()
    marker.comment = WireText(section.comment) ?? WireText()
    marker.flags = .start
    var hasRoom = append(Self.record(of: marker))
    for record in section.records { hasRoom = hasRoom && append(record) }
    marker.flags = .end
    hasRoom = hasRoom && append(Self.record(of: marker))
    if !hasRoom { self = before }
    return hasRoom
  }

  private static func record(of marker: ConfigMarker) -> [UInt8] {
    ConfigRecord.encode(.marker, buffers: [[], ConfigRecord.buffer(marker)])
  }
}
