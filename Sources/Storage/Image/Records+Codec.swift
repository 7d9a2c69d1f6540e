internal import LustreWire

// The fields of each record in the order in which they are declared.

extension ByteWriter {
  mutating func append(_ identity: TargetIdentity) {
    append(identity.kind.rawValue)
    append(identity.name)
    append(identity.uuid)
    append(identity.fileSystem)
    append(identity.index)
    append(identity.mountCount)
  }

  mutating func append(_ id: StoredObjectID) {
    append(id.sequence)
    append(id.object)
  }

  mutating func append(_ result: RequestResult) {
    append(result.transno)
    append(result.xid)
    append(result.status)
    append(result.data)
    append(result.versions.0)
    append(result.versions.1)
    append(result.versions.2)
    append(result.versions.3)
  }

  mutating func append(_ record: StoredObject) {
    append(record.size)
    append(record.version)
    let attributes = record.attributes
    append(attributes.fields.rawValue)
    append(attributes.mode)
    append(attributes.uid)
    append(attributes.gid)
    append(attributes.projectID)
    append(attributes.flags)
    append(attributes.mtime)
    append(attributes.atime)
    append(attributes.ctime)
    append(attributes.parentSequence)
    append(attributes.parentObject)
    append(attributes.parentVersion)
    append(attributes.stripeIndex)
    append(attributes.stripeSize)
    append(attributes.stripeCount)
    append(attributes.componentStart)
    append(attributes.componentEnd)
    append(attributes.componentID)
    append(attributes.layoutVersion)
  }
}

extension ByteReader {
  /// Nil for a kind of target that there is not.
  @_lifetime(self: copy self)
  mutating func nextIdentity() -> TargetIdentity? {
    let kind = TargetIdentity.Kind(rawValue: next(UInt8.self))
    let name = nextUUID()
    let uuid = nextUUID()
    let fileSystem = nextUUID()
    let index = next(UInt32.self)
    let mountCount = next(UInt64.self)
    guard let kind else { return nil }
    return TargetIdentity(
      kind: kind, name: name, uuid: uuid, fileSystem: fileSystem, index: index,
      mountCount: mountCount)
  }

  @_lifetime(self: copy self)
  mutating func nextObjectID() -> StoredObjectID {
    StoredObjectID(sequence: next(UInt64.self), object: next(UInt64.self))
  }

  @_lifetime(self: copy self)
  mutating func nextResult() -> RequestResult {
    RequestResult(
      transno: next(UInt64.self), xid: next(UInt64.self), status: next(Int32.self),
      data: next(UInt32.self),
      versions: (next(UInt64.self), next(UInt64.self), next(UInt64.self), next(UInt64.self)))
  }

  @_lifetime(self: copy self)
  mutating func nextObjectRecord() -> StoredObject {
    var record = StoredObject()
    record.size = next(UInt64.self)
    record.version = next(UInt64.self)
    var attributes = StoredAttributes()
    attributes.fields = StoredFields(rawValue: next(UInt16.self))
    attributes.mode = next(UInt32.self)
    attributes.uid = next(UInt32.self)
    attributes.gid = next(UInt32.self)
    attributes.projectID = next(UInt32.self)
    attributes.flags = next(UInt32.self)
    attributes.mtime = next(UInt64.self)
    attributes.atime = next(UInt64.self)
    attributes.ctime = next(UInt64.self)
    attributes.parentSequence = next(UInt64.self)
    attributes.parentObject = next(UInt32.self)
    attributes.parentVersion = next(UInt32.self)
    attributes.stripeIndex = next(UInt32.self)
    attributes.stripeSize = next(UInt32.self)
    attributes.stripeCount = next(UInt32.self)
    attributes.componentStart = next(UInt64.self)
    attributes.componentEnd = next(UInt64.self)
    attributes.componentID = next(UInt32.self)
    attributes.layoutVersion = next(UInt32.self)
    record.attributes = attributes
    return record
  }
}
