package import Connections
package import LustreWire
package import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Structures

/// A client of one file system: the connections to all its targets (spec 00; 11 §1, §15).
///
/// It learns the targets from the management server, connects the metadata targets, asks the first one for the root,
/// connects the object targets, and is mounted when all of them are FULL. Targets that come or go later are followed.
/// A server that does not answer is tried for as long as the mount exists: what is missing is told by `explanation`.
package struct Mount: ~Copyable {
  package enum State: UInt8, Sendable {
    /// The management server has not told the targets yet.
    case reading
    case connecting
    case mounted
    /// The targets are being left: by its user's wish, or because it has failed.
    case leaving
    case unmounted
    case failed
  }

  package let fileSystem: String
  /// Who it is at all its targets.
  package let client: ObdUUID
  package private(set) var state = State.reading
  /// Why it failed; 0 when it did not.
  package private(set) var status: Int32 = 0
  /// The targets' imports: metadata targets first, then object targets.
  package private(set) var links: [TargetLink] = []
  /// How the root of the file system looks, once it is known.
  package private(set) var root: MetadataBody?

  let index: Int
  /// Which of the node's management clients it uses.
  let management: Int
  /// Its owner's number.
  package let tag: UInt32
  /// Whether its management client still watches for it.
  var isWatching = true
  private var failure = ""
  private var opening = Opening.notYet
  private var request = RequestHandle.none
  /// Its entry in the wheel, for all mounts that have this place.
  let timer: TimerID?
  private static let retryTime: UInt64 = 1_000_000_000

  init(
    _ fileSystem: String, as client: ObdUUID, index: Int, management: Int, tag: UInt32,
    timer: TimerID?
  ) {
    self.fileSystem = fileSystem
    self.client = client
    self.index = index
    self.management = management
    self.tag = tag
    self.timer = timer
  }

  // MARK: - Views

  package var importCount: Int { links.count }
  package func importHandle(at place: Int) -> ImportHandle { links[place].handle }

  /// Imports that are FULL, or have left unused and come back by themselves.
  package var readyCount: Int { links.count { $0.isReady } }
  /// Whether nothing of it is left and its place may be given away.
  package var isOver: Bool { state == .unmounted || state == .failed }

  /// What is missing or went wrong, for an operator; empty when nothing is.
  package func explanation(_ node: borrowing NodeCore) -> String {
    if !failure.isEmpty { return failure }
    if state == .reading { return "\(fileSystem): its targets are not known yet" }
    var missing: [String] = []
    for link in links where !link.isReady { missing.append(link.explanation(node)) }
    return missing.joined(separator: "; ")
  }

  /// Where the first target that is missing was tried last; nil when it is none, or is tried nowhere yet.
  package func missingNID(_ node: borrowing NodeCore) -> NID? {
    guard let place = links.firstIndex(where: { !$0.isReady }) else { return nil }
    return node.connections.view(links[place].handle)?.connections.current?.nid
  }

  // MARK: - The configuration

  /// The management server has told the targets, or that they have changed.
  mutating func take(
    _ map: FileSystemMap, _ node: inout NodeCore, _ events: inout FixedQueue<RolesEvent>
  ) {
    switch state {
    case .reading: state = .connecting
    case .connecting, .mounted: break
    case .leaving, .unmounted, .failed: return
    }
    let entries = map.metadataTargets + map.objectTargets
    guard !map.metadataTargets.isEmpty else {
      return fail(
        .enoent, "\(fileSystem): its configuration names no metadata target", &node, &events)
    }
    var isChanged = false
    for entry in entries where !entry.isInactive {
      let uuid = ObdUUID(entry.uuid) ?? ObdUUID()
      if let place = links.firstIndex(where: { $0.target == uuid && $0.phase != .leaving }) {
        links[place].update(map.nids(of: entry), map.life(of: entry), &node)
      } else {
        guard add(entry, map.nids(of: entry), &node) else {
          return fail(
            .enomem, "\(fileSystem): no place for a connection to \(entry.uuid)", &node, &events)
        }
        isChanged = true
      }
    }
    var place = 0
    while place < links.count {
      let isNamed = entries.contains {
        !$0.isInactive && ObdUUID($0.uuid) == links[place].target
      }
      if !isNamed, links[place].phase == .closed {
        remove(place, &node)
        isChanged = true
        continue
      }
      if !isNamed, links[place].phase != .leaving {
        links[place].close(&node)
        isChanged = true
      }
      place += 1
    }
    connectDue(&node)
    if isChanged, state == .mounted { tell(.mountChanged, &events) }
  }

  private mutating func add(
    _ entry: TargetEntry, _ nids: [NID], _ node: inout NodeCore
  ) -> Bool {
    let role = entry.isMetadata ? ImportRole.mdc : .osc
    guard
      let link = TargetLink(
        role, to: entry, at: nids, as: client, tag: OwnerTag(.mount, index), &node)
    else { return false }
    // Metadata targets first.
    let place = links.firstIndex { entry.isMetadata && $0.role == .osc } ?? links.count
    links.insert(link, at: place)
    return true
  }

  /// Object targets wait until the root is known, as a real client's do.
  private mutating func connectDue(_ node: inout NodeCore) {
    for place in links.indices where links[place].role == .mdc || opening > .root {
      links[place].connect(&node)
    }
  }

  /// The configuration cannot be read.
  mutating func cannotRead(
    _ status: Int32, _ explanation: String, _ node: inout NodeCore,
    _ events: inout FixedQueue<RolesEvent>
  ) {
    isWatching = false
    // One that is mounted goes on with what it knows.
    guard state == .reading else { return }
    fail(WireErrno(rawValue: -status), explanation, &node, &events)
  }

  // MARK: - Events

  mutating func handle(
    _ event: ConnectionsEvent, _ node: inout NodeCore, _ events: inout FixedQueue<RolesEvent>
  ) {
    if event.kind == .replied || event.kind == .failed {
      return requestEnded(event, &node, &events)
    }
    guard let place = links.firstIndex(where: { $0.handle == event.importHandle }) else { return }
    let change = links[place].note(event)
    switch change {
    case .none: break
    case .came:
      if place == first { advance(&node, &events) }
      if state == .mounted { tell(.mountChanged, &events) }
      settle(&events)
    case .went: if state == .mounted { tell(.mountChanged, &events) }
    case .closed: closed(place, &node, &events)
    }
  }

  private mutating func closed(
    _ place: Int, _ node: inout NodeCore, _ events: inout FixedQueue<RolesEvent>
  ) {
    let link = links[place]
    if state == .connecting, link.status < 0 {
      return fail(
        WireErrno(rawValue: -link.status),
        "\(fileSystem) cannot be mounted: refused by \(link.explanation(node))", &node, &events)
    }
    // A target that refused for good stays in the list, so that one sees why.
    guard link.status == 0 || state == .leaving else { return tell(.mountChanged, &events) }
    remove(place, &node)
    if state == .leaving { leaveOn(&node, &events) } else { settle(&events) }
  }

  private mutating func remove(_ place: Int, _ node: inout NodeCore) {
    node.connections.removeImport(links[place].handle, turn: &node.turn)
    links.remove(at: place)
  }

  /// Mounted is when everything is connected for the first time.
  private mutating func settle(_ events: inout FixedQueue<RolesEvent>) {
    guard state == .connecting, opening == .done, links.allSatisfy({ $0.isReady }) else { return }
    state = .mounted
    tell(.mounted, &events)
  }

  /// Its owner waits no longer for object targets that are missing: a real client's mount waits for none of them
  /// (spec 11 §15). They go on being tried.
  ///
  /// - Returns: false when more than these is missing.
  mutating func settleWithoutObjects(_ events: inout FixedQueue<RolesEvent>) -> Bool {
    guard state == .connecting, opening == .done,
      links.allSatisfy({ $0.isReady || $0.role == .osc })
    else { return false }
    state = .mounted
    tell(.mounted, &events)
    return true
  }

  private func tell(
    _ kind: RolesEvent.Kind, _ events: inout FixedQueue<RolesEvent>
  ) {
    // Who takes no events for so long looks at the state in the end.
    _ = events.append(RolesEvent(kind, index: index, status: status, tag: tag))
  }

  // MARK: - The root

  /// The first metadata target's place: it has the root.
  private var first: Int? { links.firstIndex { $0.role == .mdc && $0.index == 0 } }

  /// What is asked of it, in the order of a real client (spec 11 §15; capture 03).
  private enum Opening: UInt8, Comparable {
    case notYet, statistics, statisticsAgain, root, location, attributes, done

    static func < (left: Opening, right: Opening) -> Bool { left.rawValue < right.rawValue }
  }

  private mutating func advance(
    _ node: inout NodeCore, _ events: inout FixedQueue<RolesEvent>
  ) {
    guard state == .connecting, request == .none, opening != .done, let first else { return }
    let link = links[first]
    if opening == .notYet {
      let needed: ConnectFlags = [.fid, .attributesByFID, .full20]
      guard node.connections.view(link.handle)?.granted.flags.isSuperset(of: needed) == true
      else {
        return fail(
          .eproto,
          "\(fileSystem): \(link.target) does not grant what a mount needs (FID, ATTRFID, FULL20)",
          &node, &events)
      }
      opening = .statistics
    }
    var wish = OpeningRequest.of(opening.rawValue)
    wish.tag = OwnerTag(.mount, index)
    guard let handle = wish.send(on: link.handle, &node) else { return retryLater(&node) }
    request = handle
  }

  private func retryLater(_ node: inout NodeCore) {
    if let timer { node.turn.timers.arm(timer, at: node.turn.now + Self.retryTime) }
  }

  mutating func expired(_ node: inout NodeCore, _ events: inout FixedQueue<RolesEvent>) {
    if let first, links[first].phase == .full { advance(&node, &events) }
  }

  private mutating func requestEnded(
    _ event: ConnectionsEvent, _ node: inout NodeCore, _ events: inout FixedQueue<RolesEvent>
  ) {
    precondition(event.request == request, "an answer to nobody's request")
    let isAnswered = event.kind == .replied && event.status >= 0
    let body = isAnswered ? answer(event.request, &node) : nil
    let isRootThere = isAnswered && saysWhereRootIs(event.request, &node)
    node.connections.release(request, rpc: &node.rpc, turn: &node.turn)
    request = .none
    guard state == .connecting else {
      if state == .leaving { leaveOn(&node, &events) }
      return
    }
    guard event.kind == .replied, event.status != WireErrno.einprogress.status else {
      // It is asked again when the target is back.
      if let first, links[first].phase == .full { retryLater(&node) }
      return
    }
    if event.status < 0 {
      return fail(
        WireErrno(rawValue: -event.status), refusal(event.status), &node, &events)
    }
    switch opening {
    case .statistics: opening = .statisticsAgain
    case .statisticsAgain: opening = .root
    case .root:
      guard body?.fid1 == .root else {
        return fail(
          .eproto, "\(fileSystem): its first metadata target tells no root", &node, &events)
      }
      // With one metadata target alone nobody asks where the root is (spec 11 §15).
      opening = links.count { $0.role == .mdc } > 1 ? .location : .attributes
      connectDue(&node)
    case .location:
      guard isRootThere else {
        return fail(
          .eproto, "\(fileSystem): its first metadata target does not say where the root is", &node,
          &events)
      }
      opening = .attributes
    case .attributes:
      root = body
      opening = .done
      settle(&events)
    case .notYet, .done: break
    }
    advance(&node, &events)
  }

  /// The root, or its attributes.
  private func answer(_ handle: RequestHandle, _ node: inout NodeCore) -> MetadataBody? {
    guard opening == .root || opening == .attributes,
      let reply = try? node.rpc.reply(to: handle, turn: &node.turn)
    else { return nil }
    return try? reply.message.value(at: 1, in: node.turn.memory.bytes(reply.bytes))
  }

  /// FLD_QUERY: the range of sequences that the root's is in.
  private func saysWhereRootIs(_ handle: RequestHandle, _ node: inout NodeCore) -> Bool {
    guard opening == .location, let reply = try? node.rpc.reply(to: handle, turn: &node.turn)
    else { return false }
    let bytes = node.turn.memory.bytes(reply.bytes)
    guard let range: SequenceRange = try? reply.message.value(at: 1, in: bytes) else {
      return false
    }
    return (range.start..<max(range.start, range.end)).contains(FID.root.sequence)
  }

  private func refusal(_ status: Int32) -> String {
    let name = first.map { "\(links[$0].target)" } ?? "its first metadata target"
    let question = OpeningRequest.of(opening.rawValue).opcode
    return "\(fileSystem): \(name) answers \(question) with "
      + (WireErrno(status: status).map { "\($0)" } ?? "status \(status)")
  }

  // MARK: - The end

  /// Leaves all targets: object targets, then metadata targets, as real clients do (spec 11 §9.8).
  mutating func leave(_ node: inout NodeCore, _ events: inout FixedQueue<RolesEvent>) {
    guard state != .leaving, !isOver else { return }
    state = .leaving
    if let timer { node.turn.timers.disarm(timer) }
    leaveOn(&node, &events)
  }

  private mutating func leaveOn(
    _ node: inout NodeCore, _ events: inout FixedQueue<RolesEvent>
  ) {
    let hasObjects = links.contains { $0.role == .osc }
    var place = 0
    while place < links.count {
      if links[place].phase == .closed, request == .none {
        // It was refused for good, and nobody waits for it.
        remove(place, &node)
        continue
      }
      if !hasObjects || links[place].role == .osc { links[place].close(&node) }
      place += 1
    }
    if hasObjects, !links.contains(where: { $0.role == .osc }) { return leaveOn(&node, &events) }
    guard links.isEmpty, request == .none, state == .leaving else { return }
    state = status < 0 ? .failed : .unmounted
    tell(status < 0 ? .mountFailed : .unmounted, &events)
  }

  private mutating func fail(
    _ error: WireErrno, _ explanation: String, _ node: inout NodeCore,
    _ events: inout FixedQueue<RolesEvent>
  ) {
    guard status == 0 else { return }
    status = error.status
    failure = explanation
    leave(&node, &events)
  }
}
