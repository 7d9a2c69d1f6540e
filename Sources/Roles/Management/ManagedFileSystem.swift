package import Connections
package import LustreWire

/// A target as its management server knows it.
package struct ManagedTarget: Equatable, Sendable {
  package var kind: TargetKind
  package var index: UInt32
  /// Where it was when its logs were written, and its other nodes.
  package var place: TargetPlace
  /// How often it had been started when it last said that it serves; 0: it never did.
  package var instance: UInt32 = 0
  /// The version of the table that brought where it is now; 0: it is not in the table.
  package var version: UInt64 = 0
  /// Where it is now.
  package var nids: [NID] = []
}

/// A registration as it was asked for.
package struct RegistrationRequest: Sendable {
  package var info: TargetInfo
  package var nids: [NID]
  package var kind: TargetKind
  package var parameters: [String]
  /// Its other nodes.
  package var failoverNodes: [[NID]]

  /// - Throws: EINVAL for what is no target of a file system.
  package init(_ info: TargetInfo, nids: [NID]) throws(WireErrno) {
    switch (info.flags.contains(.mdt), info.flags.contains(.ost), info.flags.contains(.mgs)) {
    case (true, false, false): kind = .mdt
    case (false, true, false): kind = .ost
    default: throw .einval
    }
    let name = info.fileSystem.description
    let isLegal = name.utf8.allSatisfy {
      $0 >= 0x30 && $0 <= 0x39 || $0 >= 0x41 && $0 <= 0x5A || $0 >= 0x61 && $0 <= 0x7A
        || $0 == 0x5F || $0 == 0x2D
    }
    guard (1...8).contains(name.utf8.count), isLegal, name != "params", name != "nodemap",
      !nids.isEmpty, nids.count <= ManagedFileSystem.nidCountMax
    else { throw .einval }
    self.info = info
    self.nids = nids
    parameters = []
    failoverNodes = []
    for text in info.parameters.description.split(separator: " ") {
      if text.hasPrefix("failover.node=") {
        // Nodes by colons, the NIDs of each by commas.
        for node in text.dropFirst("failover.node=".count).split(separator: ":") {
          let known = node.split(separator: ",").compactMap { NID(String($0)) }
          guard !known.isEmpty else { throw .einval }
          failoverNodes.append(known)
        }
      } else if text.contains("=") {
        parameters.append(String(text))
      }
    }
    guard parameters.count <= 64, failoverNodes.count <= 8 else { throw .einval }
  }
}

/// One file system as its management server knows it: its targets, its logs, its table of NIDs (spec 11 §12–§14).
///
/// A value without a disk: a change is made to a copy, written through, and then takes the place of the old one.
package struct ManagedFileSystem: Sendable {
  /// NIDs of a target: an entry of the table is no longer than a page, which has room for 203 (spec 11 §14).
  package static let nidCountMax = 128
  /// Indices end here.
  package static let indexMax: UInt32 = 0xFFFE

  /// A log, and how much of it is on the disk.
  package struct KeptLog: Sendable {
    package var log: ConfigLog
    /// 0: it was rewritten.
    package var storedByteCount = 0
  }

  package let names: FileSystemNames
  package internal(set) var targets: [ManagedTarget] = []
  package internal(set) var logs: [KeptLog] = []
  /// The number of the last section.
  package internal(set) var step: UInt32 = 0
  /// Of the table.
  package internal(set) var version: UInt64 = 0

  package init(_ name: String) { names = FileSystemNames(name) }

  package var name: String { names.fileSystem }

  package func target(_ kind: TargetKind, _ index: UInt32) -> Int? {
    targets.firstIndex { $0.kind == kind && $0.index == index }
  }

  package func log(_ name: String) -> Int? { logs.firstIndex { $0.log.name == name } }

  private func targetName(_ kind: TargetKind, _ index: UInt32) -> String {
    kind == .mdt ? names.metadataTarget(index) : names.objectTarget(index)
  }

  // MARK: - OPC_READY

  /// A target serves: the table gets a new version.
  package mutating func ready(_ request: RegistrationRequest) throws(WireErrno) -> TargetInfo {
    guard request.info.instance > 0 else { throw .einval }
    guard let place = target(request.kind, request.info.index) else { throw .enoent }
    version += 1
    targets[place].instance = request.info.instance
    targets[place].nids = request.nids
    targets[place].version = version
    return request.info
  }

  // MARK: - OPC_REG

  /// What a registration has changed, besides the answer.
  package struct Outcome: Sendable {
    package var info: TargetInfo
    /// Logs were written.
    package var isChanged = false
  }

  /// A target starts.
  ///
  /// - Parameters:
  ///   - nextLog: the number of the next log that is made.
  ///   - time: seconds since 1970.
  /// - Throws: what the target is answered (spec 11 §13).
  package mutating func register(
    _ request: RegistrationRequest, nextLog: inout UInt64, at time: Int64
  ) throws(WireErrno) -> Outcome {
    var info = request.info
    let writes = !info.flags.isDisjoint(with: [.writeConfiguration, .needsIndex])
    if !request.failoverNodes.joined().allSatisfy({ !request.nids.contains($0) }) {
      throw .eaddrnotavail
    }
    info.index = try index(for: request)
    let name = targetName(request.kind, info.index)
    info.name = WireText(name) ?? WireText()
    info.uuid = ObdUUID(name.uuid) ?? ObdUUID()
    let known = target(request.kind, info.index)
    if !writes, info.flags.isDisjoint(with: [.update, .virgin]) {
      guard known != nil else { throw .enoent }
      // A start like any other: nothing but the flags goes back.
      info.uuid = request.info.uuid
      return Outcome(info: info)
    }
    var outcome = Outcome(info: info)
    outcome.info.flags.subtract([.virgin, .update, .needsIndex, .writeConfiguration])
    outcome.info.flags.insert(.rewrite)
    if let known, !writes, log(name) != nil {
      if info.flags.contains(.virgin), !isRepeated(request, targets[known]) { throw .eaddrinuse }
      if info.flags.contains(.hasParameters), !info.flags.contains(.virgin) {
        try writeParameters(request, name, at: time)
        outcome.isChanged = true
      }
      return outcome
    }
    if writes, request.kind == .mdt, info.index == 0 { erase() }
    try write(request, info.index, nextLog: &nextLog, at: time)
    outcome.isChanged = true
    return outcome
  }

  private func index(for request: RegistrationRequest) throws(WireErrno) -> UInt32 {
    guard request.info.flags.contains(.needsIndex) else {
      guard request.info.index <= Self.indexMax else { throw .erange }
      return request.info.index
    }
    for index in 0...Self.indexMax where target(request.kind, index) == nil { return index }
    throw .erange
  }

  /// A new target asks again because our answer was lost.
  private func isRepeated(_ request: RegistrationRequest, _ target: ManagedTarget) -> Bool {
    target.instance == 0 && target.place.nodes[0] == request.nids
  }

  /// The metadata target that holds the root writes the whole configuration anew.
  private mutating func erase() {
    targets = []
    logs = []
  }

  // MARK: - Writing logs

  private mutating func write(
    _ request: RegistrationRequest, _ index: UInt32, nextLog: inout UInt64, at time: Int64
  ) throws(WireErrno) {
    let target = ManagedTarget(
      kind: request.kind, index: index,
      place: TargetPlace(nodes: [request.nids] + request.failoverNodes))
    if let old = self.target(request.kind, index) { targets.remove(at: old) }
    let name = targetName(request.kind, index)
    logs.removeAll { $0.log.name == name }
    for place in logs.indices where logs[place].log.skipSections(of: name) {
      logs[place].storedByteCount = 0
    }
    if log(names.clientLog) == nil {
      let client = make(names.clientLog, &nextLog, at: time)
      try append(ConfigSection.clientLogStart(names), client, at: time)
    }
    let own = make(name, &nextLog, at: time)
    if request.kind == .mdt {
      try writeMetadata(target, own, at: time)
    } else {
      try writeObjects(target, own, at: time)
    }
    targets.append(target)
    try writeParameters(request, name, at: time)
  }

  private mutating func writeMetadata(
    _ target: ManagedTarget, _ own: Int, at time: Int64
  ) throws(WireErrno) {
    var sections = ConfigSection.metadataLogStart(names, index: target.index)
    for other in targets {
      sections.append(
        other.kind == .ost
          ? .addOSC(names, index: other.index, at: other.place, forMetadataTarget: target.index)
          : .addOSP(names, index: other.index, at: other.place, forMetadataTarget: target.index))
    }
    try append(sections, own, at: time)
    try append(
      [.addMDC(names, index: target.index, at: target.place)], try clientLog(), at: time)
    for other in targets where other.kind == .mdt {
      guard let log = log(names.metadataTarget(other.index)) else { continue }
      try append(
        [.addOSP(names, index: target.index, at: target.place, forMetadataTarget: other.index)],
        log, at: time)
    }
  }

  private mutating func writeObjects(
    _ target: ManagedTarget, _ own: Int, at time: Int64
  ) throws(WireErrno) {
    try append([.addOST(names, index: target.index)], own, at: time)
    try append(
      [.addOSC(names, index: target.index, at: target.place)], try clientLog(), at: time)
    for other in targets where other.kind == .mdt {
      guard let log = log(names.metadataTarget(other.index)) else { continue }
      try append(
        [.addOSC(names, index: target.index, at: target.place, forMetadataTarget: other.index)],
        log, at: time)
    }
  }

  /// The time of requests is everyone's; other parameters are their target's.
  private mutating func writeParameters(
    _ request: RegistrationRequest, _ name: String, at time: Int64
  ) throws(WireErrno) {
    for text in request.parameters {
      let section = [ConfigSection.parameter(name, text)]
      if let own = log(name) { try append(section, own, at: time) }
      if text.hasPrefix("sys.timeout=") { try append(section, try clientLog(), at: time) }
    }
  }

  private func clientLog() throws(WireErrno) -> Int {
    guard let place = log(names.clientLog) else { throw .enoent }
    return place
  }

  private mutating func make(_ name: String, _ nextLog: inout UInt64, at time: Int64) -> Int {
    let id = LogID(object: nextLog, sequence: 10)
    nextLog += 1
    logs.append(KeptLog(log: ConfigLog(name: name, id: id, createdAt: time)))
    return logs.count - 1
  }

  private mutating func append(
    _ sections: [ConfigSection], _ place: Int, at time: Int64
  ) throws(WireErrno) {
    for section in sections {
      step += 1
      guard logs[place].log.append(section, step: step, at: time) else { throw .enospc }
    }
  }
}
