// Application Insights, and the one role that lets the app send to it.
param name string
param location string
param tags object
param workspaceId string

@description('Who may send telemetry: the identity of the app.')
param publisherPrincipalId string

@description('An entry of roles.json: role (its name), id and why.')
param role object

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: name
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspaceId
    // The connection string alone is then no permission to send.
    DisableLocalAuth: true
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(component.id, publisherPrincipalId, role.id)
  scope: component
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.id)
    principalId: publisherPrincipalId
    principalType: 'ServicePrincipal'
    description: role.why
  }
}

output id string = component.id
output name string = component.name
output connectionString string = component.properties.ConnectionString
