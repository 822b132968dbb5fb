// A private address for one part of a resource, entered into the name service that leads to it.
param name string
param location string
param tags object
param targetId string

@description('Which part of the resource: blob, queue, account.')
param subresource string

@description('The private DNS zone of that kind of part: private-zone.bicep.')
param zoneId string
param subnetId string

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      {
        name: name
        properties: {
          privateLinkServiceId: targetId
          groupIds: [subresource]
        }
      }
    ]
  }
}

resource record 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [{ name: 'zone', properties: { privateDnsZoneId: zoneId } }]
  }
}
