// The Flex Consumption plan: scales to zero, and each trigger on instances of its own.
param name string
param location string
param tags object

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  // checkov:skip=CKV_AZURE_225:zones need always-ready instances in each, paid for day and night; a document waits out an outage of a zone and is not lost
  name: name
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  // reserved means Linux.
  properties: { reserved: true }
}

output id string = plan.id
