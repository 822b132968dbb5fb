// One role on a Language resource, new or existing. The reason is kept with the assignment, where an auditor looks.
param languageName string
param principalId string
param principalType string

@description('An entry of roles.json: role (its name), id and why.')
param role object

resource account 'Microsoft.CognitiveServices/accounts@2024-10-01' existing = {
  name: languageName
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, role.id)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.id)
    principalId: principalId
    principalType: principalType
    description: role.why
  }
}

output endpoint string = account.properties.endpoint
